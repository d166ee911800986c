import ArgumentParser

@main
struct Depthc: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "depthc")
}
