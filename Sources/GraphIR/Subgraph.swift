extension Graph {
    /// The graph that `nodes` make up, with the same nodes and values under the same identifiers.
    ///
    /// Its inputs are the values that come from elsewhere, its outputs those that something else reads and those that are
    /// outputs of this graph, in the order in which `nodes` first read or compute them.
    ///
    /// - Parameter nodes: in execution order.
    public func part(_ nodes: [NodeID]) -> Graph {
        let members = Set(nodes)
        let isGraphOutput = Set(outputs.map(\.value))
        var part = self
        part.inputs = []
        part.outputs = []
        part.order = nodes
        var known: Set<ValueID> = []
        for id in nodes {
            let node = self[id]
            for case let input? in node.inputs where !known.contains(input) {
                known.insert(input)
                guard constant(input) == nil, self[input].producer.map({ !members.contains($0) }) ?? true else {
                    continue
                }
                part.inputs.append(Port(value: input, sourceName: self[input].name))
                part.valueSlots[input.index]?.producer = nil
            }
            known.formUnion(node.outputs)
            for output in node.outputs
            where isGraphOutput.contains(output) || users(of: output).contains(where: { !members.contains($0) }) {
                part.outputs.append(Port(value: output, sourceName: self[output].name))
            }
        }
        let inputs = Set(part.inputs.map(\.value))
        for id in order where !members.contains(id) {
            part.nodeSlots[id.index] = nil
            for output in self[id].outputs where !inputs.contains(output) { part.valueSlots[output.index] = nil }
        }
        for index in part.userSlots.indices { part.userSlots[index].removeAll { !members.contains($0) } }
        for port in self.inputs where !inputs.contains(port.value) { part.valueSlots[port.value.index] = nil }
        return part
    }
}
