#include <cblas.h>

// The two LAPACK routines in use, declared as OpenBLAS defines them: column-major, everything by address.
void dpotrf_(const char *triangle, const int *order, double *matrix, const int *stride, int *info);
void dpotrs_(
    const char *triangle, const int *order, const int *columns, const double *factor, const int *stride,
    double *right, const int *rightStride, int *info);
