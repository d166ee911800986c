import DepthCompiler

extension Inspect {
    /// Prints where the operators run under a DSP delegate.
    func show(_ inspection: DSPInspection) {
        let all = inspection.operators.count
        print(
            "\(input.model) on \(inspection.profile): \(inspection.delegatedOperators) of \(all) operators on the DSP in "
                + "\(inspection.partitions.count) partitions, \(short(100 * inspection.delegatedShare)) % of the "
                + "multiply-accumulates")
        if let place = inspection.refusedFor {
            print("nothing is delegated: the extents of \(place) are known at run time only")
        }
        for (number, partition) in inspection.partitions.enumerated() {
            print(
                "partition \(number + 1): \(partition.operators.count) operators, "
                    + "\(short(Double(partition.multiplyAccumulates) / 1e6)) M multiply-accumulates; in "
                    + "\(size(partition.inputBytes)) (\(partition.inputs.joined(separator: ", "))), out "
                    + "\(size(partition.outputBytes)) (\(partition.outputs.joined(separator: ", ")))")
        }
        if !inspection.notChosen.isEmpty {
            let sizes = inspection.notChosen.map { "\($0.count)" }.joined(separator: ", ")
            print("not chosen, too small or too many: groups of \(sizes) operators")
        }
        showCPU(inspection)
        if !inspection.hints.isEmpty { print("what would bring more onto the DSP:") }
        for hint in inspection.hints.prefix(5) { print("  \(hint.text)") }
        print("what this stands on:")
        for statement in inspection.statements { print("  \(statement.evidence): \(statement.text)") }
        guard nodes else { return }
        var rows = [["index", "operator", "version", "runs on", "reason", "name"]]
        for entry in inspection.operators {
            rows.append([
                "\(entry.index)", entry.builtin, "\(entry.version)", entry.partition.map { "DSP \($0)" } ?? "CPU",
                entry.refusals.first.map { "\($0.code) \($0.detail)" } ?? "", entry.name,
            ])
        }
        print(table(rows))
    }

    /// The operators that stay on the CPU by reason, most first.
    private func showCPU(_ inspection: DSPInspection) {
        var groups: [String: (count: Int, example: DSPInspection.Operator)] = [:]
        for entry in inspection.operators where entry.partition == nil {
            let code = entry.refusals.first?.code ?? "not chosen"
            groups["\(code) \(entry.builtin)", default: (0, entry)].count += 1
        }
        for (key, group) in groups.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
            let refusal = group.example.refusals.first
            let reason = refusal.map { "\($0.detail) (\($0.source))" } ?? "its group is too small or one too many"
            print("CPU: \(group.count) x \(key): \(reason)")
        }
    }
}
