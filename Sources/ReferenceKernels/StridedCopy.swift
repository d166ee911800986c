import TensorCore

/// A row-major walk over an index space in which every operand has strides of its own, in elements (0 repeats an
/// operand, negative ones run backwards). Neighbouring axes that every operand walks evenly are joined, so that rows are
/// as long as they can be.
struct RowWalk {
    /// Extents of the joined axes; the last one is the row.
    private(set) var dimensions: [Int]
    /// Strides by operand, then by joined axis.
    private(set) var strides: [[Int]]

    /// - Parameter strides: for every operand one stride an axis of `dimensions`.
    init(_ dimensions: [Int], strides: [[Int]]) {
        self.dimensions = []
        self.strides = strides.map { _ in [] }
        for axis in dimensions.indices where dimensions[axis] != 1 {
            let joins =
                !self.dimensions.isEmpty
                && strides.indices.allSatisfy { operand in
                    self.strides[operand].last == strides[operand][axis] &* dimensions[axis]
                }
            if joins {
                self.dimensions[self.dimensions.count - 1] *= dimensions[axis]
                for operand in strides.indices {
                    self.strides[operand][self.dimensions.count - 1] = strides[operand][axis]
                }
            } else {
                self.dimensions.append(dimensions[axis])
                for operand in strides.indices { self.strides[operand].append(strides[operand][axis]) }
            }
        }
        if self.dimensions.isEmpty {
            self.dimensions = [1]
            self.strides = strides.map { _ in [0] }
        }
    }

    /// Elements of a row.
    var rowLength: Int { dimensions.last ?? 1 }

    /// Distance between two elements of a row, for one operand.
    func step(_ operand: Int) -> Int { strides[operand].last ?? 0 }

    /// Calls `body` with every row's first element, as an offset for each operand.
    func forEachRow(_ body: ([Int]) throws -> Void) rethrows {
        guard !dimensions.contains(0) else { return }
        var offsets = [Int](repeating: 0, count: strides.count)
        var index = [Int](repeating: 0, count: dimensions.count - 1)
        while true {
            try body(offsets)
            var axis = index.count - 1
            while axis >= 0 {
                index[axis] += 1
                for operand in offsets.indices { offsets[operand] += strides[operand][axis] }
                if index[axis] < dimensions[axis] { break }
                for operand in offsets.indices { offsets[operand] -= strides[operand][axis] * dimensions[axis] }
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}

/// A part of a tensor's memory: a first element and one stride an axis, in elements.
struct StridedView {
    var offset: Int = 0
    var strides: [Int]
}

extension Shape {
    /// Strides that read a tensor of this shape as one of `target`: 0 along broadcast axes. Precondition: it broadcasts.
    func broadcastStrides(to target: Shape) -> [Int] {
        let own = strides
        let missing = target.rank - rank
        return target.dimensions.indices.map { axis in
            axis < missing || dimensions[axis - missing] == 1 ? 0 : own[axis - missing]
        }
    }
}

extension Tensor {
    /// Copies elements of `source` to elements of this tensor over the index space `dimensions`. Precondition: both
    /// element types have one size, and the views stay inside their tensors.
    mutating func copy(_ dimensions: [Int], to target: StridedView, from source: Tensor, _ view: StridedView) {
        switch elementType.byteCount {
        case 1: copy(UInt8.self, dimensions, to: target, from: source, view)
        case 2: copy(UInt16.self, dimensions, to: target, from: source, view)
        case 4: copy(UInt32.self, dimensions, to: target, from: source, view)
        default: copy(UInt64.self, dimensions, to: target, from: source, view)
        }
    }

    private mutating func copy<T: TensorElement>(
        _: T.Type, _ dimensions: [Int], to target: StridedView, from source: Tensor, _ view: StridedView
    ) {
        let walk = RowWalk(dimensions, strides: [target.strides, view.strides])
        let (count, targetStep, sourceStep) = (walk.rowLength, walk.step(0), walk.step(1))
        source.withElements(of: T.self) { input in
            withMutableElements(of: T.self) { output in
                walk.forEachRow { offsets in
                    var (to, from) = (target.offset + offsets[0], view.offset + offsets[1])
                    if targetStep == 1, sourceStep == 1 {
                        for index in 0..<count { output[to + index] = input[from + index] }
                        return
                    }
                    for _ in 0..<count {
                        output[to] = input[from]
                        to += targetStep
                        from += sourceStep
                    }
                }
            }
        }
    }

    /// Sets every element to the first element of `value`, which has an element type of the same size.
    mutating func fill(with value: Tensor) {
        copy([count], to: StridedView(strides: [1]), from: value, StridedView(strides: [0]))
    }
}
