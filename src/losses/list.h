/* Every elementwise kernel, once: its function, and whether its first parameter may be an array of one number
 * an element (ARRAY) or not (SCALAR). The position in the list is the kernel's index in the tables. */
#define FL_ELEMENTWISE_LIST(X) \
    /* regression.h */ \
    X(mse, SCALAR) \
    X(half_squared, SCALAR) \
    X(mae, SCALAR) \
    X(huber, SCALAR) \
    X(smooth_l1, SCALAR) \
    X(pseudo_huber, SCALAR) \
    X(log_cosh, SCALAR) \
    X(quantile, ARRAY) \
    X(expectile, SCALAR) \
    X(epsilon_insensitive, SCALAR) \
    X(squared_epsilon_insensitive, SCALAR) \
    X(msle, SCALAR) \
    X(mape, SCALAR) \
    X(poisson, SCALAR) \
    X(poisson_rate, SCALAR) \
    X(gamma, SCALAR) \
    X(tweedie, SCALAR) \
    X(gaussian_nll, ARRAY) \
    X(gaussian_nll_of_number, SCALAR) \
    /* binary.h */ \
    X(binary_cross_entropy_with_logits, ARRAY) \
    X(binary_cross_entropy, SCALAR) \
    X(binary_focal, SCALAR) \
    X(binary_focal_of_squares, SCALAR) \
    X(hinge, SCALAR) \
    X(squared_hinge, SCALAR) \
    X(perceptron, SCALAR) \
    X(soft_margin, SCALAR) \
    X(modified_huber, SCALAR) \
    X(exponential, SCALAR) \
    X(binary_accuracy, SCALAR) \
    X(sigmoid, SCALAR) \
    X(log_sigmoid, SCALAR) \
    X(softplus, SCALAR)
