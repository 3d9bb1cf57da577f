// SignalingTests
