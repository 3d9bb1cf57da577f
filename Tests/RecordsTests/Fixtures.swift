import Identity
import Primitives
import SessionRules
import Signaling

let start = WallClock(secondsSince1970: 1_767_225_600)

func account(isDisabled: Bool = false) -> Account {
    Account(
        id: "K1", role: .kiosk, organization: "west", displayName: "The K1", isDisabled: isDisabled,
        createdAt: start, tokensValidFrom: start, generation: 7)
}
