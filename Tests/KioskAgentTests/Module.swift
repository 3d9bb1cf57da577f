// KioskAgentTests
