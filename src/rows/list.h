/* Every kernel of rows, once. The position in the list is the kernel's index in the tables. */
/* clang-format off */
#define FL_ROWWISE_LIST(X) \
    /* softmax/ */ \
    X(cross_entropy) \
    X(focal) \
    X(focal_of_squares) \
    X(poly_cross_entropy) \
    X(generalized_cross_entropy) \
    X(brier) \
    X(js_div_with_logits) \
    /* separable.h */ \
    X(nll) \
    X(log_loss) \
    X(brier_from_probabilities) \
    X(kl_div) \
    /* hinge.h */ \
    X(multiclass_hinge) \
    X(categorical_hinge) \
    X(multi_margin) \
    /* cosine.h */ \
    X(cosine_distance) \
    X(cosine_embedding) \
    /* rank.h */ \
    X(rank)
