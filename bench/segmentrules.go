package bench

// benchRule is a rule that operators could have written.
type benchRule struct {
	name       string
	conditions int
	rule       string
}

// benchRules ask of the company that bench/seed makes.
var benchRules = []benchRule{
	{"narrow", 7, `{"all":[
		{"field":"tag","op":"any","values":["250"]}, {"field":"gender","op":"is","values":["female"]}, {"field":"city","op":"is","values":["上海","北京"]},
		{"field":"order.count","op":"at_least","values":[2]}, {"field":"order.last","op":"in","window":{"last_days":365}},
		{"field":"event.product.viewed","op":"at_least","values":[2],"window":{"last_days":365}}, {"field":"stage","op":"is","values":["active","loyal"]}]}`},
	{"broad", 7, `{"all":[
		{"field":"tag","op":"none","values":["290"]}, {"field":"gender","op":"is_not","values":["unknown"]}, {"field":"identity","op":"any","values":["external_userid"]},
		{"field":"order.sum","op":"at_most","values":[1000000]}, {"field":"stage","op":"is_not","values":["lost"]}, {"field":"birthday","op":"filled"},
		{"field":"first_seen","op":"in","window":{"last_days":1000}}]}`},
	{"broad, by rows", 7, `{"all":[
		{"field":"event.page.viewed","op":"at_most","values":[20],"window":{"last_days":365}}, {"field":"relation.count","op":"at_least","values":[1]},
		{"field":"order.count","op":"at_most","values":[3],"window":{"last_days":365}}, {"field":"order.product","op":"none","values":["7"],"window":{"last_days":365}},
		{"field":"tag","op":"none","values":["290"]}, {"field":"stage","op":"is_not","values":["lost"]}, {"field":"share.bench","op":"between","values":[0,9000]}]}`},
	{"one tag", 1, `{"field":"tag","op":"any","values":["1"]}`},
	{"tags and not", 3, `{"all":[{"field":"tag","op":"any","values":["1","2","3"]},{"field":"tag","op":"all","values":["4","5"]},{"field":"tag","op":"none","values":["6"]}]}`},
	{"one of two halves", 4, `{"any":[
		{"all":[{"field":"stage","op":"is","values":["at_risk"]},{"field":"order.sum","op":"at_least","values":[50000]}]},
		{"all":[{"field":"tag","op":"any","values":["17"]},{"field":"staff","op":"any","values":["3","4"]}]}]}`},
	{"quiet buyers", 4, `{"all":[
		{"field":"order.count","op":"at_least","values":[2]}, {"field":"order.last","op":"not_in","window":{"last_days":30}},
		{"field":"event.page.viewed","op":"did_not","window":{"last_days":30}}, {"field":"staff","op":"any","values":["1","2","3","4","5"]}]}`},
	{"birthdays with value", 3, `{"all":[{"field":"birthday","op":"in","window":{"next_days":7}},{"field":"value.score","op":"at_least","values":[400]},{"field":"tag","op":"any","values":["2","5","9"]}]}`},
	{"viewed, not bought", 3, `{"all":[
		{"field":"event.product.viewed","op":"did","window":{"last_days":30},"where":[{"property":"item","op":"is","values":["p1","p2","p3"]}]},
		{"field":"order.product","op":"none","values":["1","2","3"]}, {"field":"gender","op":"is","values":["female"]}]}`},
	{"five mixed", 5, `{"all":[
		{"field":"first_seen","op":"in","window":{"last_days":400}}, {"field":"tag","op":"any","values":["1","4"]}, {"field":"order.sum","op":"between","values":[10000,200000]},
		{"field":"event.cart.added","op":"at_least","values":[1],"window":{"last_days":180}}, {"field":"relation.added","op":"in","window":{"last_days":400},"where":[{"property":"status","op":"is","values":["active"]}]}]}`},
}
