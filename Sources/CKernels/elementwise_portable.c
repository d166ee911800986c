#define ROWS ck_rows_portable
#define FUNCTION
#include "elementwise_impl.h"
