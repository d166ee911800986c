#include "isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int32_t chosen = -1;

static int32_t available(int32_t isa) {
    if (isa == CK_ISA_PORTABLE) return 1;
#if defined(__x86_64__)
    if (isa == CK_ISA_AVX2) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
#endif
    return 0;
}

static int32_t best(void) {
    const char *wish = getenv("DEPTHC_ISA");
    if (wish && strcmp(wish, "portable") == 0) return CK_ISA_PORTABLE;
    return available(CK_ISA_AVX2) ? CK_ISA_AVX2 : CK_ISA_PORTABLE;
}

int32_t ck_isa(void) {
    int32_t isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (isa < 0) {
        isa = best();
        atomic_store_explicit(&chosen, isa, memory_order_relaxed);
    }
    return isa;
}

int32_t ck_set_isa(int32_t isa) {
    if (available(isa)) atomic_store_explicit(&chosen, isa, memory_order_relaxed);
    return ck_isa();
}

const ck_table *ck_current(void) {
#if defined(__x86_64__)
    if (ck_isa() == CK_ISA_AVX2) return &ck_table_avx2;
#endif
    return &ck_table_portable;
}
