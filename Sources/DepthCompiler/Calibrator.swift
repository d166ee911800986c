import Dispatch
import GraphIR
import Quantization
import Runtime
import TensorCore

/// Gathers calibration statistics over a folder of samples.
public enum Calibrator {
    /// Samples that run at the same time: each needs a plan with memory of its own.
    private static let largestWorkerCount = 4

    /// Runs `graph` on the samples and gathers what `request` asks for. Samples are shared out among the threads; the
    /// result does not depend on how many there are.
    ///
    /// - Parameter indices: the samples that are read; nil: all.
    /// - Throws: the diagnostic of the first sample, in their order, that cannot be read or run.
    public static func statistics(
        of graph: Graph, samples: SampleFolder, indices: [Int]? = nil, request: CalibrationRequest,
        options: RunOptions, progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> CalibrationStatistics {
        let indices = indices ?? Array(0..<samples.count)
        let workers = max(1, min(options.threads, indices.count, largestWorkerCount))
        let threads = RunOptions(engine: options.engine, threads: max(1, options.threads / workers))
        let pool = try (0..<workers).map { _ in Worker(plan: try Plan(graph, options: threads)) }
        progress(0, indices.count)
        for start in stride(from: 0, to: indices.count, by: workers) {
            let batch = Array(indices[start..<min(start + workers, indices.count)])
            DispatchQueue.concurrentPerform(iterations: batch.count) { index in
                pool[index].add(samples, batch[index], request)
            }
            for worker in pool { if let failure = worker.failure { throw failure } }
            progress(start + batch.count, indices.count)
        }
        return pool.dropFirst().reduce(into: pool[0].statistics) { $0.merge($1.statistics) }
    }

    /// One thread's share of the samples. Used by one thread at a time.
    private final class Worker: @unchecked Sendable {
        let plan: Plan
        var statistics = CalibrationStatistics()
        var failure: (any Error)?

        init(plan: Plan) { self.plan = plan }

        func add(_ samples: SampleFolder, _ index: Int, _ request: CalibrationRequest) {
            do {
                try statistics.collect(plan, sample: samples.tensors(index, for: plan.graph), request: request)
            } catch {
                failure = error
            }
        }
    }
}
