import GraphIR
import TensorCore

extension GraphBuilder {
    /// erf(x) from products and one quotient: x P(x^2) / Q(x^2) on [-4, 4], beyond which erf is 1 in binary32.
    ///
    /// The coefficients, highest power first, are a weighted least-squares fit of the relative error: 6.5e-8 in exact
    /// arithmetic, 3.7e-7 when evaluated in binary32.
    func errorFunction(_ value: ValueID) throws -> ValueID {
        let numerator = [
            1.9110762750074173e-08, -1.9423021058173617e-06, 0.000147285929415375, 0.003990571480244398,
            0.05152490362524986, 0.20712542533874512, 1.1283791065216064,
        ]
        let denominator = [
            0.001021110569126904, 0.014958078041672707, 0.11797081679105759, 0.516891360282898, 1.0,
        ]
        let x = try clamp(value, -4, 4)
        let squared = try square(x)
        func polynomial(_ coefficients: [Double]) throws -> ValueID {
            var result = try mul(squared, coefficients[0])
            for coefficient in coefficients.dropFirst().dropLast() {
                result = try mul(add(result, coefficient), squared)
            }
            return try add(result, coefficients[coefficients.count - 1])
        }
        return try clamp(mul(x, div(polynomial(numerator), polynomial(denominator))), -1, 1)
    }
}
