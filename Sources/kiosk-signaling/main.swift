import Glibc
import SignalingServer

exit(SignalingCommands.run(Array(CommandLine.arguments.dropFirst())))
