/* Every elementwise loss, once. The position in the list is the loss's index in the tables. */
#define FL_ELEMENTWISE_LIST(X) \
    X(mse)
