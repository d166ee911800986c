/// Looks for the choices of least cost: a disagreement between two sites is taken as a proposal, carried through the
/// region around it as far as operators allow, and a minimum cut decides which part of the region follows it.
struct LayoutSolver {
    private(set) var problem: LayoutProblem
    private(set) var cost: Int

    init(_ problem: LayoutProblem) {
        self.problem = problem
        cost = problem.totalCost(problem.choices)
    }

    /// Improves until no proposal helps.
    mutating func solve() {
        var improved = true
        while improved {
            improved = false
            for index in problem.stored.indices {
                while let better = bestProposal(at: index) {
                    problem.choices = better.choices
                    cost = better.cost
                    improved = true
                }
            }
        }
    }

    /// The best change that makes one disagreement about the stored value `index` go away; nil when none lowers the cost.
    private func bestProposal(at index: Int) -> (choices: [LayoutChoice], cost: Int)? {
        let value = problem.stored[index]
        let order = problem.order(of: value, problem.choices)
        var best: (choices: [LayoutChoice], cost: Int)?
        func consider(_ site: Int, _ choice: LayoutChoice?) {
            guard let choice, choice != problem.choices[site] else { return }
            for candidate in candidates(site, choice) where candidate.cost < (best?.cost ?? cost) { best = candidate }
        }
        for use in value.uses {
            guard let need = problem.need(of: use, problem.choices[use.site]), need != order else { continue }
            consider(value.producer, problem.choice(value.producer, result: value.result, stored: need))
            consider(
                use.site,
                problem.choice(use.site, operand: use.operand, stored: use.view.inverse.then(order)))
        }
        return best
    }

    /// The whole region following the proposal, and the part of it that a minimum cut picks.
    private func candidates(_ site: Int, _ choice: LayoutChoice) -> [(choices: [LayoutChoice], cost: Int)] {
        let proposal = region(from: site, choice)
        var whole = problem.choices
        for (site, choice) in proposal { whole[site] = choice }
        let part = cut(proposal, whole)
        return [(part, problem.totalCost(part)), (whole, problem.totalCost(whole))]
    }

    /// Carries a choice to every site that can agree with it.
    private func region(from site: Int, _ choice: LayoutChoice) -> [Int: LayoutChoice] {
        var proposal = [site: choice]
        var queue = [site]
        var head = 0
        func propose(_ site: Int, _ choice: LayoutChoice?) {
            guard let choice, proposal[site] == nil, choice != problem.choices[site] else { return }
            proposal[site] = choice
            queue.append(site)
        }
        while head < queue.count {
            let site = queue[head]
            head += 1
            guard let choice = proposal[site] else { continue }
            for index in problem.neighbours[site] {
                let value = problem.stored[index]
                var order = problem.order(of: value, problem.choices)
                if value.producer == site {
                    order = choice.results[value.result]
                } else if let use = value.uses.first(where: { $0.site == site }),
                    let need = problem.need(of: use, choice)
                {
                    propose(value.producer, problem.choice(value.producer, result: value.result, stored: need))
                    continue
                }
                for use in value.uses {
                    propose(
                        use.site,
                        problem.choice(use.site, operand: use.operand, stored: use.view.inverse.then(order)))
                }
            }
        }
        return proposal
    }

    // MARK: The cut

    /// The cheapest mixture of the present choices and `whole`: a vertex on the sink's side follows the proposal.
    private func cut(_ proposal: [Int: LayoutChoice], _ whole: [LayoutChoice]) -> [LayoutChoice] {
        var network = MinimumCut()
        var vertex: [Int: Int] = [:]
        for site in proposal.keys.sorted() {
            let added = network.addVertex()
            vertex[site] = added
            let before = problem.borderCost(site, problem.choices)
            let after = problem.borderCost(site, whole)
            network.addEdge(MinimumCut.source, added, after - before)
            network.addEdge(added, MinimumCut.sink, before - after)
        }
        var touched = Set<Int>()
        for site in proposal.keys { touched.formUnion(problem.neighbours[site]) }
        for index in touched.sorted() { addTerms(problem.stored[index], vertex, whole, &network) }
        let follows = network.sinkSide()
        var result = problem.choices
        for (site, added) in vertex where follows[added] { result[site] = whole[site] }
        return result
    }

    /// The cost of one stored value as edges. Exact where the producer stays as it is, or where producer and use agree
    /// both before and after; otherwise pair by pair.
    private func addTerms(
        _ value: LayoutProblem.Stored, _ vertex: [Int: Int], _ whole: [LayoutChoice], _ network: inout MinimumCut
    ) {
        let orders = [problem.order(of: value, problem.choices), problem.order(of: value, whole)]
        let producer = vertex[value.producer]
        var waiting: [[Permutation: (cost: Int, members: Set<Int>)]] = [[:], [:]]
        var settled = Set<Permutation>()
        for use in value.uses where vertex[use.site] == nil {
            if let need = problem.need(of: use, problem.choices[use.site]) { settled.insert(need) }
        }
        for use in value.uses {
            guard let before = problem.need(of: use, problem.choices[use.site]),
                let after = problem.need(of: use, whole[use.site])
            else { continue }
            func price(_ order: Int, _ need: Permutation) -> Int {
                problem.cost(of: value, from: orders[order], to: need, use: use)
            }
            switch (producer, vertex[use.site]) {
            case (nil, nil): continue
            case (let producer?, nil):
                guard settled.remove(before) != nil else { continue }
                network.addEdge(producer, MinimumCut.sink, price(0, before))
                network.addEdge(MinimumCut.source, producer, price(1, before))
            case (nil, let site?):
                for (state, need) in [before, after].enumerated() where !settled.contains(need) {
                    let price = price(0, need)
                    guard price > 0, before != after else { continue }
                    waiting[state][need, default: (price, [])].members.insert(site)
                }
            case (let producer?, let site?):
                if producer == site { continue }
                // producer stays or follows, use stays or follows
                let (stayStay, followFollow) = (price(0, before), price(1, after))
                let (stayFollow, followStay) = (price(0, after), price(1, before))
                network.addEdge(MinimumCut.source, producer, followStay - stayStay)
                network.addEdge(producer, MinimumCut.sink, stayStay - followStay)
                network.addEdge(MinimumCut.source, site, followFollow - followStay)
                network.addEdge(site, MinimumCut.sink, followStay - followFollow)
                network.addEdge(producer, site, stayFollow + followStay - stayStay - followFollow)
            }
        }
        for (state, needs) in waiting.enumerated() {
            for (_, term) in needs.sorted(by: { $0.key.axes.lexicographicallyPrecedes($1.key.axes) }) {
                let any = network.addVertex()
                for site in term.members {
                    if state == 1 {
                        network.addEdge(any, site, MinimumCut.unlimited)
                    } else {
                        network.addEdge(site, any, MinimumCut.unlimited)
                    }
                }
                if state == 1 {
                    network.addEdge(MinimumCut.source, any, term.cost)
                } else {
                    network.addEdge(any, MinimumCut.sink, term.cost)
                }
            }
        }
    }
}
