/* Every elementwise kernel, once: its function, whether its first parameter may be an array of one number per
 * element (ARRAY) or not (SCALAR), and its prologue (formula.h). The position in the list is the kernel's index in
 * the tables. */
/* clang-format off */
#define FL_ELEMENTWISE_LIST(X) \
    /* regression.h */ \
    X(mse, SCALAR, NULL) \
    X(half_squared, SCALAR, NULL) \
    X(mae, SCALAR, NULL) \
    X(huber, SCALAR, NULL) \
    X(smooth_l1, SCALAR, NULL) \
    X(pseudo_huber, SCALAR, NULL) \
    X(log_cosh, SCALAR, decay_of_twice) \
    X(quantile, ARRAY, NULL) \
    X(expectile, SCALAR, NULL) \
    X(epsilon_insensitive, SCALAR, NULL) \
    X(squared_epsilon_insensitive, SCALAR, NULL) \
    X(msle, SCALAR, rise_of_larger) \
    X(mape, SCALAR, NULL) \
    X(poisson, SCALAR, NULL) \
    X(poisson_rate, SCALAR, NULL) \
    X(gamma, SCALAR, NULL) \
    X(tweedie, SCALAR, NULL) \
    X(gaussian_nll, ARRAY, NULL) \
    X(gaussian_nll_of_number, SCALAR, NULL) \
    /* binary.h */ \
    X(binary_cross_entropy_with_logits, ARRAY, decay) \
    X(plain_binary_cross_entropy_with_logits, SCALAR, decay) \
    X(binary_cross_entropy, SCALAR, NULL) \
    X(binary_focal, SCALAR, decay) \
    X(binary_focal_of_squares, SCALAR, decay) \
    X(hinge, SCALAR, NULL) \
    X(squared_hinge, SCALAR, NULL) \
    X(perceptron, SCALAR, NULL) \
    X(soft_margin, SCALAR, decay_of_margin) \
    X(modified_huber, SCALAR, NULL) \
    X(exponential, SCALAR, NULL) \
    X(binary_accuracy, SCALAR, NULL) \
    X(sigmoid, SCALAR, decay) \
    X(log_sigmoid, SCALAR, decay) \
    X(softplus, SCALAR, decay)
