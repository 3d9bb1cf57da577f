// SignalingServerTests
