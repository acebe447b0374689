/*
 * A Wattnote channel: two parties, the ledger's registry, and an attacker who owns the relay.
 *
 * docs/formal/README.md says what is modelled, what is left out, and how to run it. The rules are those of
 * docs/protocol.md, as channels_engine/core and contracts/src/EntityContracts.sol carry them out.
 *
 * There are no message queues. Who owns the relay has seen every signature that an honest party ever made, and
 * can lose, repeat and reorder at will: so at any moment it may hand over whatever these signatures allow, and
 * forge what is unsigned. A dishonest peer adds its own signature wherever it likes. Only the ledger's events
 * come in order.
 *
 * Settings come from the environment, so that one compiled verifier serves all runs:
 *   TWO=1    both parties are honest (else B is the attacker)
 *   TOP=n    highest version that anybody uses, at most 7
 *   ENFORCE=1, CHANGE=1, CHECKPOINT=1   the ledger's further functions
 *   IDLE=1   the attacker may busy itself for ever with nothing (for the liveness claim)
 *   MUTANT=n breaks the protocol at one place: an error must be found
 *   GOAL=n   claims that an interesting end can't be reached: an error must be found
 */

#define A 0
#define B 1
#define NOBODY 2
#define TOPMOST 7
#ifndef QUEUE
#define QUEUE 2                 /* how many events a watchtower may be behind */
#endif

/* What a version is. */
#define UNUSED 0
#define TRADE 1                 /* a trade or a settlement: moves one unit */
#define FINAL 2
#define FUNDING 3               /* a funding change */

/* Phases. A channel is "staged" while it is open and `staged` is not zero. */
#define OPEN 0
#define CLOSING 1
#define DISPUTED 2

/* A dispute on the ledger. */
#define NONE 0
#define RUNNING 1
#define OVER 2

/* The ledger's events. */
#define EV_DISPUTED 0
#define EV_ENFORCED 1
#define EV_RESOLVED 2
#define EV_CHECKPOINT 3
#define EV_FUNDING 4

/* Mutants. */
#define NO_FAREWELL (mutant == 1)
#define PENALISE_ANY_OLDER (mutant == 2)
#define EQUAL_VERSIONS (mutant == 3)
#define CONSENT_IS_SHOWN (mutant == 4)
#define CONSENT_OUTLIVES (mutant == 5)
#define REFUSED_CHANGE_FORGOTTEN (mutant == 6)
#define LAGGING_INDEXER_BELIEVED (mutant == 7)
#define NO_WATCHTOWER (mutant == 8)
#define LATE_WATCHTOWER (mutant == 9)
#define ENFORCED_BEATS_EQUAL (mutant == 10)
#define NO_EXPIRY (mutant == 11)
#define CHECKPOINT_IGNORED (mutant == 12)
#define OLDER_MAY_RESOLVE (mutant == 13)
#define ACCEPTANCE_OUTLIVES (mutant == 14)

byte two, top, leap, enforce, change, checkpoint, idle, mutant, goal;

/* What has been signed. An honest party signs one state of each version at most, which is asserted, and a
 * dishonest one alone can't bring anything to the ledger: so one content for each version is enough. */
typedef Signed {
	byte kind;
	byte base;
	byte balance;           /* of A */
	byte total;             /* what both balances sum to */
};
Signed state[8];

typedef Party {
	byte phase;
	byte signatures;            /* bit set of versions */
	byte current;           /* newest co-signed version */
	byte highest;           /* highest version that either side is known to have signed */
	byte staged;            /* signed by one side only; whose it is, the parity tells */
	byte dropped;           /* own proposal that fell back: unanswered */
	byte refused;           /* own proposal that the peer, or a forger, said it refused */
	byte farewell;          /* final state that was signed */
	byte ledger;            /* highest version that the ledger has shown */
	byte funding;           /* funding change that was signed and neither landed nor lapsed */
	bool raised;            /* a dispute was raised off the ledger */
	byte consent;           /* 1 + version that the user consents to dispute with */
	bool shown;             /* that consent has left the own machine */
	byte known;             /* 1 + version of the dispute that the ledger told of */
	bool known_enforced;
	byte offered;           /* 1 + base of the own signed offer */
	bool offered_buys;      /* in it A is the buyer */
	byte accepted;          /* own proposal that accepts the peer's offer: may be enforced */
	bool enforcing;         /* the signature under that offer has left the own machine */
	/* transactions on their way */
	byte tx_dispute;        /* 1 with consent, 2 what the ledger knows, after expiry */
	byte tx_resolve;
	byte tx_finalise;
	bool tx_enforce;
	byte tx_funding;
};
Party party[2];

/* The ledger. Fundings are 1 and 1, the stale penalty 1. */
byte total = 2;
byte record;                    /* newest version that it knows */
byte record_balance = 1;
bool record_enforced;
byte dispute = NONE;
byte disputer = NOBODY;
bool stale[2];
bool expired;
bool lapsed;                    /* validUntil of offers and funding changes is past */
bool paid;
short purse[2];                 /* what the ledger paid to a party, less what it took after opening */

/* Witnesses of interesting runs. */
bool was_resolved, was_late, was_checkpointed, was_funded, was_blamed;

chan events[2] = [QUEUE] of { byte, byte };

hidden byte behind, next, shift, from_a, from_b;  /* scratch within one step */
byte at;                        /* zero between steps */

#define other(x) (1 - (x))
#define honest(x) ((x) == A || two)
#define bit_of(v) (1 << (v))
#define has_signed(x, v) (((party[x].signatures >> (v)) & 1) == 1)
#define own(x, v) (EQUAL_VERSIONS || ((v) + (x)) % 2 == 1)
#define usable(x, v) (!honest(x) || has_signed(x, v))
/* What the ledger takes: both signatures, and the sum of the fundings. */
#define co_signed(v) (state[v].kind != UNUSED && usable(A, v) && usable(B, v) && state[v].total == total)
#define is_state(v) ((v) == 0 || state[v].kind == TRADE || state[v].kind == FINAL)
#define share(x, balance, sum) ((x) == A -> (balance) : (sum) - (balance))
#define room (len(events[A]) < QUEUE && (!two || len(events[B]) < QUEUE))

/* Contents that neither the ledger nor a party can come back to. */
#define in_use(x, v) (honest(x) && (party[x].current == (v) || party[x].farewell == (v) || party[x].staged == (v) \
	|| (party[x].accepted != 0 && state[party[x].accepted].base == (v)) || party[x].accepted == (v) \
	|| (party[x].funding != 0 && state[party[x].funding].base == (v))))
inline forget_old() {
	for (next : 0 .. TOPMOST) {
		if
		:: next < record && !in_use(A, next) && !in_use(B, next) && state[next].kind != UNUSED -> write(next, UNUSED, 0, 0, 0)
		:: else
		fi
	}
}

inline forget_offers(x) {
	if :: party[x].offered != 0 && (lapsed || party[x].offered < record + !record_enforced) && !(record_enforced && party[x].offered == record) ->
		party[x].offered = 0; party[x].offered_buys = false
	:: else fi;
	if :: lapsed && !party[x].enforcing -> party[x].accepted = 0 :: else fi
}

inline tell(event, v) {
	forget_offers(A); forget_offers(B); forget_old();
	if :: events[A]!event, v fi;
	if :: two -> events[B]!event, v :: else fi
}

/* ------------------------------------------------------------------ what is asserted when the ledger pays */

inline check_paid(x, of_a, amount) {
	if
	:: honest(x) ->
		/* No honest party pays a penalty. */
		assert(amount >= share(x, of_a, total));
		if
		:: record_enforced ->
			/* Nothing newer was co-signed, and it offered or accepted this very trade. */
			assert(party[x].current < record);
			assert(party[x].offered == record || (party[x].enforcing &&
				state[party[x].accepted].base + 1 == record))
		:: else ->
			/* It signed what is paid, and has nothing newer that pays anything else. */
			assert(record == 0 || has_signed(x, record));
			assert(record >= party[x].current || (state[record].balance == state[party[x].current].balance &&
				state[record].total == state[party[x].current].total))
		fi;
		/* It is no longer ready to sign what pays anything else. */
		assert(party[x].phase == DISPUTED || (party[x].farewell != 0 &&
			state[party[x].farewell].balance == of_a))
	:: else
	fi
}

inline check_goals() {
	assert(goal != 1 || !(state[record].kind == FINAL && disputer == NOBODY && !was_resolved && !expired));
	assert(goal != 2 || !(was_resolved && state[record].kind == FINAL));
	assert(goal != 3 || !(dispute == OVER && disputer == A));
	assert(goal != 4 || !stale[B]);
	assert(goal != 5 || !(record_enforced && disputer == A));
	assert(goal != 6 || !(record_enforced && disputer == B));
	assert(goal != 7 || !(was_funded && state[record].kind == FINAL && total != 2));
	assert(goal != 8 || !(expired && dispute == OVER && disputer == NOBODY && record > 1));
	assert(goal != 9 || !was_late);
	assert(goal != 10 || !(was_checkpointed && dispute == OVER && disputer == A));
	assert(goal != 11 || !(was_blamed && was_funded))
}

/* Pay out `record_balance`: at most once, and exactly what is held. */
inline pay() {
	assert(!paid);
	assert(record_balance <= total);
	from_a = (stale[A] && record_balance > 0 -> 1 : 0);
	from_b = (stale[B] && total - record_balance > 0 -> 1 : 0);
	check_paid(A, record_balance, record_balance - from_a + from_b);
	check_paid(B, record_balance, total - record_balance - from_b + from_a);
	purse[A] = purse[A] + record_balance - from_a + from_b;
	purse[B] = purse[B] + total - record_balance - from_b + from_a;
	assert(purse[A] + purse[B] == 2);
	check_goals();
	forget_party(A); forget_party(B);
	for (at : 0 .. TOPMOST) { write(at, UNUSED, 0, 0, 0) }
	at = 0; record = 0; record_balance = 0; record_enforced = false; disputer = NOBODY; dispute = NONE; total = 0;
	purse[A] = 0; purse[B] = 0; stale[A] = false; stale[B] = false; expired = true; lapsed = true;
	paid = true
}

/* What can no longer matter is forgotten: fewer states. */
inline forget_party(x) {
	party[x].phase = 0; party[x].signatures = 0; party[x].current = 0; party[x].highest = 0; party[x].staged = 0;
	party[x].dropped = 0; party[x].refused = 0; party[x].farewell = 0; party[x].ledger = 0; party[x].funding = 0;
	party[x].raised = false; party[x].consent = 0; party[x].shown = false; party[x].known = 0;
	party[x].known_enforced = false; party[x].offered = 0; party[x].offered_buys = false; party[x].accepted = 0;
	party[x].enforcing = false; party[x].tx_dispute = 0; party[x].tx_resolve = 0; party[x].tx_finalise = 0;
	party[x].tx_enforce = false; party[x].tx_funding = 0;
	do :: nempty(events[x]) -> events[x]?_, _ :: empty(events[x]) -> break od
}

/* ------------------------------------------------------------------ the registry; what it refuses changes nothing */

inline ledger_dispute(v, who) {
	if
	:: dispute == NONE && is_state(v) && state[v].kind != FINAL && co_signed(v) && v >= record ->
		record = v; record_balance = state[v].balance;
		disputer = who; dispute = RUNNING;
		tell(EV_DISPUTED, record)
	:: else
	fi
}

/* Before expiry with a consent for the recorded version, afterwards by anybody, without blame. */
inline ledger_dispute_known(who) {
	if
	:: dispute == NONE ->
		disputer = (expired -> NOBODY : who); dispute = RUNNING;
		tell(EV_DISPUTED, record)
	:: else
	fi
}

#define newer(v) ((v) > record || (record_enforced && !ENFORCED_BEATS_EQUAL && (v) >= record) || OLDER_MAY_RESOLVE)

/* A disputer is punished if it provably held a newer co-signed state. Of an enforced offer it held the version below. */
#define blames(v) (disputer != NOBODY && (v) > record && (state[v].base > record || PENALISE_ANY_OLDER \
	|| (record_enforced && state[v].base == record)))

inline answer_on_ledger(v) {
	if
	:: blames(v) -> stale[disputer] = true; was_blamed = (goal != 0)
	:: else
	fi;
	record = v; record_balance = state[v].balance; record_enforced = false;
	disputer = NOBODY
}

inline ledger_resolve(v) {
	if
	:: dispute == RUNNING && is_state(v) && co_signed(v) && newer(v) ->
		answer_on_ledger(v);
		if
		:: state[v].kind == FINAL -> pay()
		:: state[v].kind != FINAL && !expired -> dispute = NONE; was_resolved = (goal != 0); tell(EV_RESOLVED, v)
		:: else -> tell(EV_DISPUTED, v)
		fi
	:: else
	fi
}

inline ledger_finalise(v) {
	if
	:: state[v].kind == FINAL && co_signed(v) && v >= record ->
		if
		:: dispute != NONE && (v > record || record_enforced) -> answer_on_ledger(v)
		:: else -> record = v; record_balance = state[v].balance
		fi;
		pay()
	:: else
	fi
}

inline ledger_claim() {
	if
	:: dispute == OVER -> pay()
	:: else
	fi
}

inline ledger_checkpoint(v) {
	if
	:: dispute == NONE && state[v].kind == TRADE && co_signed(v) && v > record ->
		record = v; record_balance = state[v].balance; was_checkpointed = (goal != 0);
		tell(EV_CHECKPOINT, v)
	:: else
	fi
}

/* Settles the channel at the balances of `base`, and funds it anew. */
inline ledger_change_funding(v) {
	if
	:: dispute == NONE && state[v].kind == FUNDING && usable(A, v) && usable(B, v) && v > record && !lapsed &&
			state[state[v].base].total == total ->
		purse[A] = purse[A] + state[state[v].base].balance - state[v].balance;
		purse[B] = purse[B] + (total - state[state[v].base].balance) - (state[v].total - state[v].balance);
		total = state[v].total;
		assert(purse[A] + purse[B] + total == 2);
		assert(!honest(A) || (has_signed(A, v) && v >= party[A].current));
		assert(!honest(B) || (has_signed(B, v) && v >= party[B].current));
		record = v; record_balance = state[v].balance; was_funded = (goal != 0);
		tell(EV_FUNDING, v)
	:: else
	fi
}

/* The contract computes the next state from state `v` and an offer that both signed. */
inline ledger_enforce(v, a_buys, acceptor) {
	if
	:: dispute != OVER && !lapsed && is_state(v) && state[v].kind != FINAL && co_signed(v) && v + 1 > record &&
			(v != 0 || record == 0) &&
			(a_buys -> state[v].balance > 0 : state[v].balance < total) ->
		if
		:: dispute == RUNNING && blames(v) -> stale[disputer] = true; was_blamed = (goal != 0)
		:: else
		fi;
		record = v + 1; record_balance = (a_buys -> state[v].balance - 1 : state[v].balance + 1);
		record_enforced = true; disputer = acceptor; dispute = RUNNING;
		tell(EV_ENFORCED, v + 1)
	:: else
	fi
}

/* ------------------------------------------------------------------ the machine of an honest party */

/* Invariant 2: no version twice, and upwards only. */
inline sign(x, v) {
	assert((party[x].signatures >> (v)) == 0);
	party[x].signatures = party[x].signatures | bit_of(v)
}

inline write(v, what, on, balance_, total_) {
	state[v].kind = what; state[v].base = on; state[v].balance = balance_; state[v].total = total_
}

/* The watchtower's duty. */
inline answer_dispute(x) {
	if
	:: party[x].known != 0 && !NO_WATCHTOWER && (party[x].current + 1 > party[x].known ||
			(party[x].known_enforced && party[x].current + 1 >= party[x].known)) ->
		party[x].tx_resolve = party[x].current
	:: else
	fi
}

/* Both signed `v`: in time or late, it is current from here on. */
inline adopt(x, v) {
	behind = (party[x].staged != 0 && own(x, party[x].staged) -> party[x].staged : party[x].dropped);
	party[x].current = v;
	party[x].highest = (v > party[x].highest -> v : party[x].highest);
	party[x].staged = 0;
	party[x].dropped = (behind > v -> behind : 0);
	party[x].refused = (party[x].refused > v -> party[x].refused : 0);
	party[x].raised = false;
	party[x].consent = (party[x].shown -> party[x].consent : 0);
	party[x].accepted = (party[x].enforcing -> party[x].accepted : 0);
	if :: state[v].kind == FINAL -> party[x].farewell = v :: else fi;
	if
	:: party[x].phase == DISPUTED -> answer_dispute(x)
	:: party[x].phase != DISPUTED && state[v].kind == FINAL -> party[x].phase = CLOSING; party[x].tx_finalise = v
	:: else -> party[x].phase = OPEN
	fi;
	forget_ledger(x)
}

#define before_farewell(x) (party[x].farewell == 0 || NO_FAREWELL)
#define same_payout(x, balance_) (state[party[x].farewell].balance == (balance_))
#define may_sign(x, what, balance_) (before_farewell(x) || ((what) == FINAL && same_payout(x, balance_)))

#define takes_request(x, v) (party[x].phase == OPEN && !expired && party[x].funding == 0 \
	&& ((v) > party[x].highest || (EQUAL_VERSIONS && (v) >= party[x].highest && (v) > party[x].current)))

/* The peer's request, which follows from the current state. A crossing own proposal of a lower version is dropped. */
inline stage(x, v) {
	party[x].dropped = (party[x].staged != 0 && own(x, party[x].staged) -> party[x].staged : party[x].dropped);
	if
	:: party[x].staged != 0 && !own(x, party[x].staged) && !honest(other(x)) -> write(party[x].staged, UNUSED, 0, 0, 0)
	:: else
	fi;
	party[x].staged = v;
	party[x].highest = v
}

inline halt(x) {
	party[x].phase = DISPUTED;
	if
	:: party[x].staged != 0 && own(x, party[x].staged) -> party[x].dropped = party[x].staged
	:: else -> forget_unsigned(x)
	fi;
	party[x].staged = 0;
	party[x].raised = false;
	if :: !party[x].shown -> party[x].consent = 0 :: else fi
}

/* What nobody honest has signed can't come back; the model need not remember it. */
inline forget_unsigned(x) {
	if
	:: party[x].staged != 0 && !honest(other(x)) -> write(party[x].staged, UNUSED, 0, 0, 0)
	:: else
	fi
}

inline on_disputed(x, v, by_offer) {
	halt(x);
	party[x].known = v + 1; party[x].known_enforced = by_offer;
	party[x].ledger = (v > party[x].ledger -> v : party[x].ledger);
	answer_dispute(x);
	forget_ledger(x)
}

/* A consent lives as long as the ledger would take it. */
#define consent_lives(x) (party[x].shown && party[x].ledger < party[x].consent)
#define acceptance_lives(x) (party[x].enforcing && !(lapsed && len(events[x]) == 0) && party[x].ledger <= state[party[x].accepted].base)

/* Back to work, unless a consent or an acceptance of ours is still about: a signature on top would then make the
 * old dispute a stale one. So it is carried through. */
inline reopen(x) {
	party[x].known = 0; party[x].known_enforced = false;
	if
	:: state[party[x].current].kind == FINAL -> party[x].phase = CLOSING; party[x].tx_finalise = party[x].current
	:: state[party[x].current].kind != FINAL && consent_lives(x) && !CONSENT_IS_SHOWN && !CONSENT_OUTLIVES ->
		party[x].tx_dispute = 1
	:: state[party[x].current].kind != FINAL && acceptance_lives(x) && !ACCEPTANCE_OUTLIVES ->
		party[x].tx_enforce = true
	:: else -> party[x].phase = OPEN
	fi;
	if :: !consent_lives(x) -> party[x].consent = 0; party[x].shown = false; party[x].tx_dispute = (party[x].tx_dispute == 2 -> 2 : 0) :: else fi;
	if :: party[x].enforcing && !acceptance_lives(x) -> party[x].enforcing = false; party[x].accepted = 0; party[x].tx_enforce = false :: else fi
}

inline on_resolved(x, v) {
	party[x].ledger = (v > party[x].ledger -> v : party[x].ledger);
	if :: party[x].phase == DISPUTED -> reopen(x) :: else fi;
	forget_ledger(x)
}

/* The ledger's version only matters where it is above ours, or decides over a consent. */
inline forget_ledger(x) {
	if :: party[x].ledger <= party[x].current && !party[x].shown && !party[x].enforcing -> party[x].ledger = 0 :: else fi
}

/* A dispute of ours may just have become impossible. */
inline on_checkpoint(x, v) {
	party[x].ledger = (v > party[x].ledger -> v : party[x].ledger);
	if
	:: CHECKPOINT_IGNORED
	:: else ->
		if :: party[x].raised && party[x].consent <= v -> party[x].raised = false; party[x].consent = 0; party[x].shown = false :: else fi;
		if :: party[x].phase == DISPUTED && party[x].known == 0 && party[x].tx_dispute != 2 -> reopen(x) :: else fi
	fi
}

inline on_funding(x, v) {
	party[x].current = v; party[x].ledger = 0;
	party[x].highest = (v > party[x].highest -> v : party[x].highest);
	forget_unsigned(x);
	party[x].staged = 0; party[x].dropped = 0; party[x].refused = 0; party[x].funding = 0; party[x].tx_funding = 0;
	party[x].raised = false; party[x].consent = 0; party[x].shown = false;
	party[x].accepted = 0; party[x].enforcing = false; party[x].tx_enforce = false;
	party[x].tx_dispute = (party[x].tx_dispute == 2 -> 2 : 0);
	if :: party[x].phase == DISPUTED && party[x].known == 0 && party[x].tx_dispute != 2 -> party[x].phase = OPEN :: else fi
}

/* Above all known versions; odd for A, even for B. */
inline own_version(x) {
	next = (party[x].current > party[x].highest -> party[x].current : party[x].highest) + 1;
	if :: own(x, next) :: else -> next = next + 1 fi
}

#define known_version(x) (party[x].current > party[x].highest -> party[x].current : party[x].highest)
#define next_version(x) (known_version(x) + 1 + (own(x, known_version(x) + 1) -> 0 : 1))
#define free(x) (party[x].phase == OPEN && party[x].staged == 0 && party[x].dropped == 0 && !party[x].raised \
	&& party[x].funding == 0 && party[x].ledger <= party[x].current && !expired && next_version(x) <= top)
#define balance_now(x) (state[party[x].current].balance)

inline propose(x, what, balance_, total_) {
	next = next_version(x);
	write(next, what, party[x].current, balance_, total_);
	sign(x, next);
	party[x].highest = next;
	if
	:: what == FUNDING -> party[x].funding = next
	:: what == FINAL -> party[x].farewell = next; party[x].staged = next
	:: else -> party[x].staged = next; party[x].accepted = (enforce -> next : 0)
	fi
}

/* With two honest parties a proposal of a trade takes up an offer; a dishonest peer offers whatever one likes. */
#define offer_there(x, a_buys) (!enforce || !two || (party[other(x)].offered == party[x].current + 1 \
	&& party[other(x)].offered_buys == (a_buys)))

#define is_peers(x, v) (!(own(x, v) && has_signed(x, v)) || (EQUAL_VERSIONS && party[x].dropped == (v)))

/* What its user does when it pleases, and timers of staged states. */
proctype User(byte x) {
	do
	:: paid -> break
	:: d_step { !paid && free(x) && before_farewell(x) && balance_now(x) > 0 && offer_there(x, true) ->
		 propose(x, TRADE, balance_now(x) - 1, total) }
	:: d_step { !paid && free(x) && before_farewell(x) && balance_now(x) < total && offer_there(x, false) ->
		 propose(x, TRADE, balance_now(x) + 1, total) }
	:: d_step { !paid && free(x) && may_sign(x, FINAL, balance_now(x)) ->
		 propose(x, FINAL, balance_now(x), total) }
	:: d_step { !paid && change && free(x) && before_farewell(x) && !lapsed && total == 2 && balance_now(x) > 0 ->
		 propose(x, FUNDING, balance_now(x) - 1, 1) }
	:: d_step { !paid && change && free(x) && before_farewell(x) && !lapsed && total == 2 ->
		 propose(x, FUNDING, balance_now(x), 3) }
	/* countersign what the peer proposed */
	:: d_step { !paid && party[x].phase == OPEN && party[x].staged != 0 && is_peers(x, party[x].staged) ->
		
			at = party[x].staged;
			sign(x, at);
			if
			:: state[at].kind == FUNDING -> party[x].funding = at; party[x].tx_funding = at; party[x].staged = 0
			:: else -> adopt(x, at)
			fi;
			at = 0
		}
	/* its time is up: what the peer proposed is refused, what we proposed is dropped and asked about */
	:: d_step { !paid && party[x].phase == OPEN && party[x].staged != 0 ->
		
			if
			:: own(x, party[x].staged) && has_signed(x, party[x].staged) -> party[x].dropped = party[x].staged
			:: else -> forget_unsigned(x)
			fi;
			party[x].staged = 0
		}
	/* raise a dispute with the newest version that we or the ledger know */
	:: d_step { !paid && party[x].phase == OPEN && !party[x].raised && !expired ->
		
			party[x].raised = true;
			party[x].consent = 1 + (party[x].current > party[x].ledger -> party[x].current : party[x].ledger);
			party[x].shown = CONSENT_IS_SHOWN
		}
	/* offer a trade; the signature stays good until it lapses */
	:: d_step { !paid && enforce && !lapsed && party[x].phase == OPEN && before_farewell(x) && party[x].offered == 0 &&
			!party[x].raised && balance_now(x) > 0 && party[x].funding == 0 ->
		 party[x].offered = party[x].current + 1; party[x].offered_buys = true }
	:: d_step { !paid && enforce && !lapsed && party[x].phase == OPEN && before_farewell(x) && party[x].offered == 0 &&
			!party[x].raised && balance_now(x) < total && party[x].funding == 0 ->
		 party[x].offered = party[x].current + 1; party[x].offered_buys = false }
	/* our acceptance fell back: enforce it */
	:: d_step { !paid && enforce && !lapsed && party[x].phase == OPEN && party[x].accepted != 0 && party[x].staged != party[x].accepted &&
			state[party[x].accepted].base == party[x].current && state[party[x].current].kind != FUNDING &&
			party[x].funding == 0 ->
		 halt(x); party[x].enforcing = true; party[x].tx_enforce = true }
	:: d_step { !paid && idle -> skip }
	od
}

/* What it must do: take the ledger's events in, and what its clock says. */
proctype Machine(byte x) {
	byte event, v;
	do
	:: paid -> break
	:: d_step { !paid && nempty(events[x]) ->
		
			events[x]?event, v;
			if
			:: event == EV_DISPUTED -> on_disputed(x, v, false)
			:: event == EV_ENFORCED -> on_disputed(x, v, true)
			:: event == EV_RESOLVED -> on_resolved(x, v)
			:: event == EV_CHECKPOINT -> on_checkpoint(x, v)
			:: event == EV_FUNDING -> on_funding(x, v)
			fi;
			event = 0; v = 0
		}
	:: d_step { !paid && party[x].phase == OPEN && party[x].raised && !expired ->
		 at = party[x].consent; halt(x); party[x].consent = at; at = 0; party[x].shown = true; party[x].tx_dispute = 1 }
	:: d_step { !paid && party[x].phase == OPEN && expired ->
		 halt(x); party[x].tx_dispute = 2 }
	/* an enforcement came too late */
	:: d_step { !paid && party[x].enforcing && lapsed && empty(events[x]) && party[x].phase == DISPUTED && party[x].known == 0 ->
		reopen(x); forget_ledger(x) }
	/* a funding change lapses when the ledger's confirmed time is past it without the event */
	:: d_step { !paid && party[x].funding != 0 && lapsed && (empty(events[x]) || LAGGING_INDEXER_BELIEVED) ->
		 party[x].funding = 0; party[x].tx_funding = 0 }
	od
}

/* A dispute with a party's consent: by that party, or by whoever has seen it. */
inline consented(x) {
	if
	:: party[x].consent == record + 1 -> ledger_dispute_known(x)
	:: party[x].consent > record + 1 -> at = party[x].consent - 1; ledger_dispute(at, x); at = 0
	:: else
	fi
}

inline enforced(x) {
	at = state[party[x].accepted].base;
	shift = (state[party[x].accepted].balance < state[at].balance);
	ledger_enforce(at, shift, x);
	at = 0
}

/* Its transactions land some time, or are refused. */
proctype Landing(byte x) {
	do
	:: paid -> break
	:: d_step { !paid && room && party[x].tx_resolve != 0 ->
		 at = party[x].tx_resolve; party[x].tx_resolve = 0; ledger_resolve(at); at = 0 }
	:: d_step { !paid && party[x].tx_finalise != 0 ->
		 at = party[x].tx_finalise; party[x].tx_finalise = 0; ledger_finalise(at); at = 0 }
	:: d_step { !paid && dispute == OVER && party[x].phase == DISPUTED && party[x].known != 0 && empty(events[x]) ->
		ledger_claim() }
	:: d_step { !paid && room && party[x].tx_dispute == 2 ->
		 party[x].tx_dispute = 0; if :: expired -> ledger_dispute_known(NOBODY) :: else fi }
	:: d_step { !paid && room && party[x].tx_dispute == 1 ->
		 party[x].tx_dispute = 0; consented(x) }
	:: d_step { !paid && room && party[x].tx_funding != 0 ->
		 at = party[x].tx_funding; party[x].tx_funding = 0; if :: !expired -> ledger_change_funding(at) :: else fi; at = 0 }
	:: d_step { !paid && room && party[x].tx_enforce ->
		 party[x].tx_enforce = false; if :: party[x].enforcing -> enforced(x) :: else fi }
	od
}

/* ------------------------------------------------------------------ time */

/* The assumption of invariant 3: within the challenge period a watchtower sees the dispute and one transaction of
 * it lands. */
#define at_rest(x) (!honest(x) || (empty(events[x]) && party[x].tx_resolve == 0))

proctype Clock() {
	do
	:: paid -> break
	:: d_step { !paid && dispute == RUNNING && (LATE_WATCHTOWER || (at_rest(A) && at_rest(B))) -> dispute = OVER }
	:: d_step { !paid && !lapsed && (enforce || change) -> lapsed = true; forget_offers(A); forget_offers(B) }
	:: d_step { !paid && !expired && !NO_EXPIRY ->  expired = true; lapsed = true; forget_offers(A); forget_offers(B) }
	od
}

/* ------------------------------------------------------------------ the attacker */

#define EACH(OPTION) OPTION(1) OPTION(2) OPTION(3) OPTION(4) OPTION(5) OPTION(6) OPTION(7)
#define within(v) (!paid && (v) <= top)

/* A dishonest peer's requests follow from the honest side's state, or would be refused. */
#define CAN_REQUEST(v) \
	:: within(v) && !honest(other(x)) && own(other(x), v) && takes_request(x, v) \
		&& may_sign(x, FINAL, balance_now(x)) -> at = v
/* An honest peer's requests are brought, early or late. */
#define CAN_BRING(v) \
	:: within(v) && honest(other(x)) && has_signed(other(x), v) && own(other(x), v) && takes_request(x, v) \
		&& state[v].base == party[x].current && may_sign(x, state[v].kind, state[v].balance) && !has_signed(x, v) -> at = v
/* A request that does not fit, or a forged fallback: its version counts as known. */
#define CAN_BUMP(v) \
	:: leap && within(v) && own(other(x), v) && (v) > party[x].highest && party[x].phase == OPEN -> at = v
#define mine(v) (own(x, v) && has_signed(x, v) && \
	(party[x].staged == (v) || party[x].dropped == (v) || party[x].refused == (v)))
/* A countersignature, in time or late; but what comes after a challenge period has ended comes too late to count. */
#define CAN_CONFIRM(v) \
	:: within(v) && dispute != OVER && mine(v) && usable(other(x), v) && (v) > party[x].current -> at = v
/* Any newer state with both signatures: the answer to a dispute, asked for or not. */
#define CAN_ANSWER(v) \
	:: within(v) && dispute != OVER && is_state(v) && usable(A, v) && usable(B, v) && state[v].kind != UNUSED \
		&& (v) > party[x].current && has_signed(x, v) && !mine(v) \
		&& state[v].total == state[party[x].current].total -> at = v

/* Between the parties: x is who is spoken to. */
proctype Relay(byte x) {
	do
	:: paid -> break
	:: atomic {
		if EACH(CAN_REQUEST) fi;
		if
		:: before_farewell(x) && balance_now(x) > 0 -> stage(x, at); write(at, TRADE, party[x].current, balance_now(x) - 1, total)
		:: before_farewell(x) && balance_now(x) < total -> stage(x, at); write(at, TRADE, party[x].current, balance_now(x) + 1, total)
		:: stage(x, at); write(at, FINAL, party[x].current, balance_now(x), total)
		:: change && before_farewell(x) && !lapsed && total == 2 && balance_now(x) > 0 ->
			stage(x, at); write(at, FUNDING, party[x].current, balance_now(x) - 1, 1)
		:: change && before_farewell(x) && !lapsed && total == 2 -> stage(x, at); write(at, FUNDING, party[x].current, balance_now(x), 3)
		fi;
		at = 0
	}
	:: atomic { if EACH(CAN_BRING) fi; stage(x, at); at = 0 }
	:: atomic { if EACH(CAN_BUMP) fi; party[x].highest = at; at = 0 }
	:: atomic {
		if EACH(CAN_CONFIRM) fi;
		d_step { if :: party[x].refused == at -> was_late = (goal != 0) :: else fi; adopt(x, at); at = 0 }
	}
	:: atomic { if EACH(CAN_ANSWER) fi; d_step { adopt(x, at); at = 0 } }
	/* a refusal, true or forged */
	:: d_step { !paid && party[x].staged != 0 && own(x, party[x].staged) && has_signed(x, party[x].staged) ->
		party[x].refused = party[x].staged; party[x].staged = 0 }
	:: d_step { !paid && party[x].dropped != 0 ->
		party[x].refused = party[x].dropped; party[x].dropped = 0 }
	:: d_step { !paid && REFUSED_CHANGE_FORGOTTEN && party[x].funding != 0 -> party[x].funding = 0 }
	:: d_step { !paid && idle -> skip }
	od
}

#define CAN_RESOLVE(v) :: within(v) && room && dispute == RUNNING && is_state(v) && co_signed(v) && newer(v) -> at = v
#define CAN_FINALISE(v) :: within(v) && state[v].kind == FINAL && co_signed(v) && v >= record -> at = v
#define CAN_MARK(v) :: within(v) && checkpoint && room && dispute == NONE && state[v].kind == TRADE && co_signed(v) && v > record -> at = v
#define CAN_FUND(v) :: within(v) && room && !expired && dispute == NONE && state[v].kind == FUNDING && v > record && !lapsed && usable(A, v) && usable(B, v) -> at = v
#define CAN_ACCUSE(v) :: within(v) && room && !two && dispute == NONE && is_state(v) && state[v].kind != FINAL && co_signed(v) && v > record -> at = v

/* On the ledger, with all that it has seen. */
proctype Attacker() {
	do
	:: paid -> break
	:: atomic { if EACH(CAN_RESOLVE) fi; d_step { ledger_resolve(at); at = 0 } }
	:: atomic { if EACH(CAN_FINALISE) fi; d_step { ledger_finalise(at); at = 0 } }
	:: atomic { if EACH(CAN_MARK) fi; d_step { ledger_checkpoint(at); at = 0 } }
	:: atomic { if EACH(CAN_FUND) fi; d_step { ledger_change_funding(at); at = 0 } }
	:: atomic { if EACH(CAN_ACCUSE) fi; d_step { ledger_dispute(at, B); at = 0 } }
	/* in its own name, or with a consent that it has seen */
	:: d_step { !paid && room && !two && dispute == NONE -> ledger_dispute_known(B) }
	:: d_step { !paid && room && two && expired && dispute == NONE -> ledger_dispute_known(NOBODY) }
	:: d_step { !paid && room && dispute == NONE && party[A].shown && party[A].consent > record -> consented(A) }
	:: d_step { !paid && room && two && dispute == NONE && party[B].shown && party[B].consent > record -> consented(B) }
	:: d_step { !paid && dispute == OVER -> ledger_claim() }
	/* accept the honest side's offer on the ledger; send again what it has accepted itself */
	:: d_step { !paid && room && !two && party[A].offered != 0 && party[A].offered > record && !lapsed && dispute != OVER ->
		at = party[A].offered - 1; ledger_enforce(at, party[A].offered_buys, B); at = 0 }
	:: d_step { !paid && room && dispute != OVER && party[A].enforcing && !lapsed && state[party[A].accepted].base + 1 > record -> enforced(A) }
	:: d_step { !paid && room && two && dispute != OVER && party[B].enforcing && !lapsed && state[party[B].accepted].base + 1 > record -> enforced(B) }
	:: d_step { !paid && idle -> skip }
	od
}

c_code {
	static int setting(const char *name, int otherwise)
	{
		extern char *getenv(const char *);
		extern int atoi(const char *);
		const char *text = getenv(name);
		return text ? atoi(text) : otherwise;
	}
}

init {
	atomic {
		c_code {
			now.two = setting("TWO", 0); now.top = setting("TOP", 4);
			now.enforce = setting("ENFORCE", 0); now.change = setting("CHANGE", 0);
			now.checkpoint = setting("CHECKPOINT", 0); now.leap = setting("LEAP", 0); now.idle = setting("IDLE", 0);
			now.mutant = setting("MUTANT", 0); now.goal = setting("GOAL", 0);
		};
		state[0].kind = TRADE; state[0].balance = 1; state[0].total = 2;
		party[A].signatures = 1; party[B].signatures = 1;
		run User(A); run Machine(A); run Landing(A); run Relay(A);
		if
		:: two -> run User(B); run Machine(B); run Landing(B); run Relay(B)
		:: else
		fi;
		run Clock(); run Attacker()
	}
}

/* An honest party always ends with its money. */
ltl money { <> paid }
