// PeerTests
