#include "isa.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int32_t chosen = -1;

#if defined(__x86_64__)
static ck_table avx512;
static int32_t avx512_works;

static void try_avx512(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx512f")
        || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw")
        || !__builtin_cpu_supports("avx512vnni"))
        return;
    ck_use_avx512(&avx512);
    avx512_works = ck_agrees_with_portable(&avx512);
}
#endif

static int32_t available(int32_t isa) {
    if (isa == CK_ISA_PORTABLE) return 1;
#if defined(__x86_64__)
    if (isa == CK_ISA_AVX2) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
    if (isa == CK_ISA_AVX512_VNNI) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, try_avx512);
        return avx512_works;
    }
#endif
    return 0;
}

static int32_t best(void) {
    static const char *const names[] = {"portable", "avx2", "avx512"};
    const char *wish = getenv("DEPTHC_ISA");
    int32_t limit = CK_ISA_AVX512_VNNI;
    for (int32_t isa = 0; wish && isa <= CK_ISA_AVX512_VNNI; isa++)
        if (strcmp(wish, names[isa]) == 0) limit = isa;
    for (int32_t isa = limit; isa > CK_ISA_PORTABLE; isa--)
        if (available(isa)) return isa;
    return CK_ISA_PORTABLE;
}

int32_t ck_isa(void) {
    int32_t isa = atomic_load_explicit(&chosen, memory_order_acquire);
    if (isa < 0) {
        isa = best();
        atomic_store_explicit(&chosen, isa, memory_order_release);
    }
    return isa;
}

int32_t ck_set_isa(int32_t isa) {
    if (available(isa)) atomic_store_explicit(&chosen, isa, memory_order_release);
    return ck_isa();
}

const ck_table *ck_current(void) {
#if defined(__x86_64__)
    int32_t isa = ck_isa();
    if (isa == CK_ISA_AVX512_VNNI) return &avx512;
    if (isa == CK_ISA_AVX2) return &ck_table_avx2;
#endif
    return &ck_table_portable;
}
