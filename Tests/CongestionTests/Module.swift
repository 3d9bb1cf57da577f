// CongestionTests
