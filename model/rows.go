package model

// Rows lists one value of every row type; a test holds them against both schemas.
func Rows() []any {
	return []any{
		&Customer{}, &Identity{}, &PhoneNumber{}, &Relation{}, &TagGroup{}, &Tag{}, &TagAssignment{}, &TagGrant{},
		&Account{}, &Department{}, &Staff{}, &StaffDepartment{}, &StaffRole{}, &RoleRequest{}, &StaffLogin{}, &SignInFailure{}, &Session{}, &SignInState{}, &Task{},
		&Event{}, &EventDay{}, &EventKind{}, &EventAside{}, &EventFeed{}, &EventFeedBatch{},
		&CustomField{}, &CustomValue{}, &CustomerTag{}, &CustomerNote{}, &CustomerTouch{}, &ContentCheck{}, &QualityRun{}, &QualityFinding{},
		&CustomerMerge{}, &MergeMove{}, &MergeReview{}, &CustomerChange{}, &IDConversion{}, &Reveal{},
		&Visit{}, &VisitCount{}, &UsedCode{}, &Notice{}, &Consent{}, &ContactChoice{}, &PrivacyRequest{},
		&TagMirror{}, &TagBatch{}, &TagBatchPart{}, &TagRule{}, &TagRuleMember{}, &TagRuleAct{},
		&Product{}, &ProductCategory{}, &CustomerOrder{}, &OrderLine{}, &Refund{}, &CustomerTrade{},
		&CustomerLifecycle{}, &StageChange{}, &LifecycleStage{}, &LifecycleSetting{}, &LifecycleRun{}, &LifecycleBasis{}, &StageDay{},
		&TransferFile{}, &TransferPart{}, &ImportRun{}, &ImportProblem{}, &ExportRun{}, &ExportApproval{},
		&ChannelCode{}, &PersonalCode{}, &ChannelCodeStaff{}, &ChannelCodeShift{}, &ChannelCodeTag{}, &ChannelCodeDay{},
		&Welcome{}, &WelcomeSend{}, &Media{}, &MediaContent{},
		&Segment{}, &SegmentVersion{}, &SegmentMember{}, &SegmentBuild{}, &SegmentSize{},
		&CustomerGroup{}, &GroupMember{}, &StaffActivity{},
		&Delivery{}, &DeliveryLane{}, &DeliveryTally{}, &DeliveryClaim{}, &DeliveryCall{}, &DeliveryPause{}, &DeliveryPlan{},
		&SenderTask{}, &MassQuota{}, &ChannelReceipt{}, &ChannelSetting{}, &SubscribeTemplate{}, &SubscribeGrant{}, &KfAccount{}, &KfWindow{}, &Letter{}, &TaskMessage{},
		&Journey{}, &JourneyVersion{}, &Enrolment{}, &EnrolmentVisit{}, &JourneyCount{}, &JourneyRehearsal{},
		&PointsAccount{}, &PointsEntry{}, &PointsLot{}, &PointsUse{}, &PointsRule{}, &PointsMatch{}, &CheckIn{}, &Tier{}, &CustomerTier{}, &TierChange{}, &LoyaltySetting{}, &Reward{}, &Redemption{},
		&GovernorSetting{}, &ContactBook{}, &ContactRefusal{}, &SourceHoldout{}, &Message{}, &MessageVersion{}, &MessagePolicy{},
		&Campaign{}, &CampaignVariant{}, &CampaignCoupon{}, &CampaignRun{}, &CampaignMember{}, &CampaignArm{}, &ShortLink{}, &ShortLinkDay{},
		&LuckyDraw{}, &DrawPrize{}, &DrawTry{},
		&ReferralProgramme{}, &ReferralStep{}, &ReferralBudget{}, &ReferralCode{}, &ReferralAdding{}, &ReferralWay{}, &ReferralEdge{}, &ReferralReward{},
		&DataKey{}, &KeyRotation{}, &APIKey{}, &APINonce{}, &Webhook{}, &WebhookDelivery{}, &WebhookAttempt{},
		&Work{}, &CronJob{}, &CronTick{}, &CronPause{}, &Inbox{}, &SyncRun{}, &SyncPart{},
		&CouponBatch{}, &CouponGift{}, &CouponCount{}, &CouponBudget{}, &Coupon{}, &CouponEntry{}, &CouponUse{}, &CouponUsePart{}, &CouponRequest{}, &CouponCode{},
		&CouponRun{}, &CouponRunPart{}, &CouponGiver{}, &CouponOrigin{}, &CouponGiftOrigin{}, &CouponGuess{}, &CouponBalance{},
	}
}
