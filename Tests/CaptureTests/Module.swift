<<<<<<< HEAD
// CaptureTests
=======
import Capture
>>>>>>> h/console
