import Glibc
import KioskAgent

exit(AgentProgram.main(Array(CommandLine.arguments.dropFirst())))
