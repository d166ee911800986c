#include "include/CKernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Workers spin for a while before they sleep, because the next operator mostly comes within microseconds.
enum { SPINS = 4000 };

typedef struct {
    ck_pool *pool;
    int32_t thread;
    pthread_t handle;
} worker;

struct ck_pool {
    int32_t threads;
    worker *workers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic int64_t generation;
    _Atomic int32_t stopping, sleeping, busy;
    // The job; written before `generation` rises.
    ck_task task;
    void *context;
    int32_t count;
    _Atomic int32_t next;
};

static void pause_briefly(void) {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

static void work(ck_pool *pool, int32_t thread) {
    for (;;) {
        int32_t index = atomic_fetch_add(&pool->next, 1);
        if (index >= pool->count) return;
        pool->task(pool->context, index, thread);
    }
}

static void *run_worker(void *argument) {
    worker *self = argument;
    ck_pool *pool = self->pool;
    int64_t seen = 0;
    for (;;) {
        int32_t spins = 0;
        while (atomic_load(&pool->generation) == seen && spins++ < SPINS) pause_briefly();
        if (atomic_load(&pool->generation) == seen) {
            pthread_mutex_lock(&pool->lock);
            atomic_fetch_add(&pool->sleeping, 1);
            while (atomic_load(&pool->generation) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
            atomic_fetch_sub(&pool->sleeping, 1);
            pthread_mutex_unlock(&pool->lock);
        }
        seen++;
        if (atomic_load(&pool->stopping)) return NULL;
        work(pool, self->thread);
        atomic_fetch_sub(&pool->busy, 1);
    }
}

static void announce(ck_pool *pool) {
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleeping) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

ck_pool *ck_pool_create(int32_t threads) {
    ck_pool *pool = calloc(1, sizeof(ck_pool));
    if (!pool) return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = 1;
    pool->workers = calloc((size_t)(threads > 1 ? threads : 1), sizeof(worker));
    for (int32_t i = 1; pool->workers && i < threads; i++) {
        pool->workers[i] = (worker){.pool = pool, .thread = i};
        if (pthread_create(&pool->workers[i].handle, NULL, run_worker, &pool->workers[i]) != 0) break;
        pool->threads++;
    }
    return pool;
}

void ck_pool_free(ck_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->stopping, 1);
    announce(pool);
    for (int32_t i = 1; i < pool->threads; i++) pthread_join(pool->workers[i].handle, NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    free(pool->workers);
    free(pool);
}

void ck_pool_run(ck_pool *pool, int32_t count, ck_task task, void *context) {
    if (pool->threads == 1 || count < 2) {
        for (int32_t i = 0; i < count; i++) task(context, i, 0);
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->busy, pool->threads - 1);
    announce(pool);
    work(pool, 0);
    int32_t spins = 0;
    while (atomic_load(&pool->busy) > 0) {
        pause_briefly();
        if (++spins > 100000) {
            sched_yield();
        }
    }
}
