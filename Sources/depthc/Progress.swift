import Foundation

/// Progress on standard error: a bar with rate and remaining time on a terminal, else a plain line at every tenth.
final class Progress {
    private let title: String
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?
    private var lastTenth = -1
    private static let isTerminal = isatty(STDERR_FILENO) == 1
    nonisolated(unsafe) private static var isDrawn = false

    init(_ title: String) { self.title = title }

    /// Tells that `done` of `total` are done; draws at most ten times a second.
    func update(_ done: Int, _ total: Int) {
        guard total > 0 else { return }
        let now = ContinuousClock.now
        if Self.isTerminal {
            if let lastDrawn, now - lastDrawn < .milliseconds(100), done < total { return }
            lastDrawn = now
            let filled = done * 30 / total
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
            write("\r\u{1B}[K\(title) [\(bar)] \(done)/\(total) \(rate(done, total, now))")
            Self.isDrawn = true
            if done == total { Self.clear() }
        } else {
            let tenth = done * 10 / total
            guard tenth > lastTenth, done > 0 else { return }
            lastTenth = tenth
            note("\(title) \(done)/\(total) \(rate(done, total, now))")
        }
    }

    /// Removes a bar that is on the screen.
    static func clear() {
        guard isDrawn else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
        isDrawn = false
    }

    private func rate(_ done: Int, _ total: Int, _ now: ContinuousClock.Instant) -> String {
        let seconds = Double((now - start).components.seconds) + Double((now - start).components.attoseconds) * 1e-18
        guard done > 0, seconds > 0 else { return "" }
        let perSecond = Double(done) / seconds
        let remaining = Double(total - done) / perSecond
        return String(format: "%.2f/s, %.0f s left", perSecond, remaining)
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
