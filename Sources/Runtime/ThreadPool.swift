import CKernels

/// Threads that share the parts of one operator. The caller's thread is one of them.
final class ThreadPool {
    let threads: Int
    private let pool: OpaquePointer?

    init(threads: Int) {
        self.threads = max(1, min(threads, 64))
        pool = ck_pool_create(Int32(self.threads))
    }

    deinit { ck_pool_free(pool) }

    /// Calls `body` with every part index below `parts` and the index of the thread that does it, and returns when all
    /// are done.
    func run(_ parts: Int, _ body: (_ part: Int, _ thread: Int) -> Void) {
        guard parts > 1, let pool else {
            for part in 0..<parts { body(part, 0) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            var job = Job(body: escaping)
            withUnsafeMutablePointer(to: &job) { pointer in
                ck_pool_run(
                    pool, Int32(parts),
                    { context, part, thread in
                        context?.assumingMemoryBound(to: Job.self).pointee.body(Int(part), Int(thread))
                    }, pointer)
            }
        }
    }

    private struct Job {
        var body: (Int, Int) -> Void
    }
}
