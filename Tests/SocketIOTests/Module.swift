// SocketIOTests
