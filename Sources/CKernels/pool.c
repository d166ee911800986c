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

enum { CLOSED = UINT32_MAX };

struct ck_pool {
    int32_t threads;
    worker *workers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /// Number of the job in the upper half, the next part in the lower half, or CLOSED while a job is written. A part
    /// belongs to who moves the ticket on, so that a thread that comes late finds nothing and nobody waits for it.
    _Atomic uint64_t ticket;
    _Atomic int32_t stopping, sleeping;
    // The job.
    _Atomic(ck_task) task;
    _Atomic(void *) context;
    _Atomic int32_t count, done;
};

static void pause_briefly(void) {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

static uint32_t job_of(uint64_t ticket) { return (uint32_t)(ticket >> 32); }

/// Does parts until none is left; returns the number of the last job seen.
static uint32_t work(ck_pool *pool, int32_t thread) {
    for (;;) {
        uint64_t ticket = atomic_load(&pool->ticket);
        uint32_t part = (uint32_t)ticket;
        int32_t count = atomic_load(&pool->count);
        ck_task task = atomic_load(&pool->task);
        void *context = atomic_load(&pool->context);
        if (part == CLOSED || part >= (uint32_t)count) {
            if (atomic_load(&pool->ticket) == ticket && part != CLOSED) return job_of(ticket);
            pause_briefly();
            continue;
        }
        // Succeeds only when the job that was read is still the one the ticket is for.
        if (!atomic_compare_exchange_strong(&pool->ticket, &ticket, ticket + 1)) continue;
        task(context, (int32_t)part, thread);
        atomic_fetch_add(&pool->done, 1);
    }
}

static void *run_worker(void *argument) {
    worker *self = argument;
    ck_pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        int32_t spins = 0;
        while (job_of(atomic_load(&pool->ticket)) == seen && spins++ < SPINS) pause_briefly();
        if (job_of(atomic_load(&pool->ticket)) == seen) {
            pthread_mutex_lock(&pool->lock);
            atomic_fetch_add(&pool->sleeping, 1);
            while (job_of(atomic_load(&pool->ticket)) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
            atomic_fetch_sub(&pool->sleeping, 1);
            pthread_mutex_unlock(&pool->lock);
        }
        seen = work(pool, self->thread);
        // The last job is empty and comes after `stopping`, so that whoever sees it also sees that.
        if (atomic_load(&pool->stopping)) return NULL;
    }
}

static void publish(ck_pool *pool, int32_t count, ck_task task, void *context) {
    uint64_t job = (uint64_t)(job_of(atomic_load(&pool->ticket)) + 1) << 32;
    atomic_store(&pool->ticket, job | CLOSED);
    atomic_store(&pool->task, task);
    atomic_store(&pool->context, context);
    atomic_store(&pool->count, count);
    atomic_store(&pool->done, 0);
    atomic_store(&pool->ticket, job);
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
    publish(pool, 0, NULL, NULL);
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
    publish(pool, count, task, context);
    work(pool, 0);
    for (int32_t spins = 0; atomic_load(&pool->done) < count; spins++) {
        if (spins < SPINS) pause_briefly();
        else sched_yield();
    }
}
