import Primitives
import Testing

@testable import Peer

/// What is configured, negotiated and measured, and what follows.
@Suite struct SendPlanTests {
    private func plan(
        _ limits: SendPlan.Limits
    ) -> SendPlan {
        var plan = SendPlan(PeerBitrates(maximumVideo: .kilobits(600)))
        plan.negotiated(limits)
        return plan
    }

    private func change(_ plan: inout SendPlan, target: Double) -> SendPlan.Change {
        plan.update(target: .kilobits(target), repairs: 0, waiting: .zero)
    }

    @Test func theConfigurationsLimitHoldsWhateverThePathCarries() {
        var plan = plan(SendPlan.Limits(sendsAudio: true, sendsVideo: true))
        #expect(PeerBitrates(maximumVideo: .kilobits(600)).startVideo == .kilobits(600))
        #expect(PeerBitrates(maximumVideo: .kilobits(2000)).startVideo == .kilobits(800))
        #expect(change(&plan, target: 3000) == SendPlan.Change(audio: nil, video: .kilobits(600)))
        #expect(plan.video == .kilobits(600) && plan.audio == .kilobits(32))
        #expect(change(&plan, target: 4000) == SendPlan.Change())
        #expect(plan.bounds.maximum == .kilobits(706))
    }

    @Test func theDescriptionsLimitsBindEncodersAndRepairs() {
        var plan = plan(
            SendPlan.Limits(sendsAudio: true, sendsVideo: true, session: .kilobits(200), audio: .kilobits(16)))
        #expect(plan.audio == .kilobits(16))
        #expect(change(&plan, target: 3000).video == .kilobits(168))
        #expect(plan.bounds.maximum < .kilobits(250))
        // A later description lifts it.
        plan.negotiated(SendPlan.Limits(sendsAudio: false, sendsVideo: true))
        #expect(change(&plan, target: 3000) == SendPlan.Change(audio: nil, video: .kilobits(600)))
    }

    @Test func whatIsNotSentIsNotPlanned() {
        var plan = plan(SendPlan.Limits(sendsAudio: true, sendsVideo: false))
        #expect(change(&plan, target: 100) == SendPlan.Change(audio: .kilobits(12), video: nil))
        plan.negotiated(SendPlan.Limits(sendsAudio: false, sendsVideo: true))
        #expect(change(&plan, target: 1000).video == .kilobits(600))
        #expect(change(&plan, target: 1000).audio == nil)
    }
}
