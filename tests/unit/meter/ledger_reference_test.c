/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger against a plain reference: thousands of seeded operations in any order, transactions, rollbacks.
 */
#include "base/log.h"
#include "base/random.h"
#include "ledgers.h"

/* The reference: balances in plain variables. */
enum { TENANTS = 3, SUPPLIERS = 4, PROGRAMS = 4000, OWNERS = 4 };

enum awaited { AWAITED, POSTED, EXCUSED };

struct program_reference {
	int tenant;
	uint64_t task;
	money amount, charged;
	uint32_t owner_count;
	enum awaited owners[OWNERS];
	int suppliers[OWNERS];
	bool open;
};

struct reference {
	money tenants[TENANTS], suppliers[SUPPLIERS], operator, escrow, world;
	uint32_t deposits, program_count;
	uint64_t disputes;
	struct program_reference programs[PROGRAMS];
};

enum { FEE = 73211 };

/* Half away from zero, by doubling instead of adding a half before. */
static money fee_reference(money charge)
{
	__extension__ __int128 twice = (__int128)charge * FEE * 2;
	money whole = (money)(twice / 2000000);

	return whole + (twice % 2000000 >= 1000000);
}

static void close_reference(struct reference *reference, struct program_reference *program)
{
	for (uint32_t i = 0; i < program->owner_count; i++)
		if (program->owners[i] == AWAITED)
			return;
	reference->escrow -= program->amount - program->charged;
	reference->tenants[program->tenant] += program->amount - program->charged;
	program->open = false;
}

static void random_deposit(struct ledger *ledger, struct reference *reference, struct random *random)
{
	char tenant[16], text[16];
	uint32_t index = (uint32_t)random_below(random, TENANTS);
	bool again = reference->deposits > 0 && random_below(random, 3) == 0;
	money amount = (money)random_below(random, 100000);

	/* References are dealt in turn, so that an old one names its tenant. */
	if (again)
		index = (uint32_t)random_below(random, reference->deposits);
	else
		index = reference->deposits++;
	(void)snprintf(tenant, sizeof(tenant), "t%u", index % TENANTS);
	(void)snprintf(text, sizeof(text), "%u", index);
	T_ERROR(ledger_deposit(ledger, tenant, amount, text, NOW), again);
	if (again)
		return;
	reference->tenants[index % TENANTS] += amount;
	reference->world -= amount;
}

static void random_hold(struct ledger *ledger, struct reference *reference, struct random *random)
{
	struct program_reference program = {
	        .tenant = (int)random_below(random, TENANTS),
	        .task = random_below(random, 400),
	        .owner_count = (uint32_t)random_below(random, OWNERS) + 1,
	        .open = true,
	};
	uint32_t number = reference->program_count;
	money funds = reference->tenants[program.tenant];
	struct identifier identifier = number_identifier(number), task = number_identifier(program.task);
	struct ledger_owner owners[OWNERS];
	char tenant[16];

	if (number == PROGRAMS)
		return;
	program.amount = (money)random_below(random, random_below(random, 4) ? 3000 : 200000);
	memset(owners, 0, sizeof(owners));
	for (uint32_t i = 0; i < program.owner_count; i++) {
		program.suppliers[i] = (int)random_below(random, SUPPLIERS);
		owners[i].identity = gateway(i + 1);
		(void)snprintf(owners[i].supplier, sizeof(owners[i].supplier), "s%d", program.suppliers[i]);
	}
	(void)snprintf(tenant, sizeof(tenant), "t%d", program.tenant);
	T_ERROR(ledger_hold(ledger, &task, &identifier, tenant, program.amount, owners, program.owner_count,
	                    NOW),
	        program.amount > funds ? BUSBAR_ERROR_NO_FUNDS : 0);
	if (program.amount > funds)
		return;
	reference->tenants[program.tenant] -= program.amount;
	reference->escrow += program.amount;
	reference->programs[reference->program_count++] = program;
}

/* The expected answer, with the reference moved on. */
static int post_reference(struct reference *reference, struct program_reference *program, uint32_t owner,
                          money total)
{
	money left = program->open ? program->amount - program->charged : 0;
	money charge = MINIMUM(total, left);

	if (owner >= program->owner_count)
		return BUSBAR_ERROR_NOT_FOUND;
	if (program->owners[owner] == POSTED)
		return 1;
	program->owners[owner] = POSTED;
	program->charged += charge;
	reference->disputes += charge < total;
	reference->escrow -= charge;
	reference->operator+= fee_reference(charge);
	reference->suppliers[program->suppliers[owner]] += charge - fee_reference(charge);
	if (program->open)
		close_reference(reference, program);
	return 0;
}

static void random_post(struct ledger *ledger, struct reference *reference, struct random *random)
{
	uint32_t number = (uint32_t)random_below(random, MAXIMUM(reference->program_count, 1));
	uint32_t recent = reference->program_count - MINIMUM(reference->program_count, 20);
	uint32_t owner = (uint32_t)random_below(random, OWNERS);
	struct program_reference *program;
	money total;

	if (reference->program_count == 0)
		return;
	if (random_below(random, 3) > 0)
		number = recent + (uint32_t)random_below(random, reference->program_count - recent);
	program = &reference->programs[number];
	total = (money)random_below(random, (uint64_t)program->amount + 2);
	T_ERROR(post(ledger, number, owner + 1, total), post_reference(reference, program, owner, total));
	T_ERROR(closed(ledger, number), !program->open);
}

static void random_excuse(struct ledger *ledger, struct reference *reference, struct random *random)
{
	uint32_t number = (uint32_t)random_below(random, MAXIMUM(reference->program_count, 1));
	uint32_t owner = (uint32_t)random_below(random, OWNERS);
	struct program_reference *program = &reference->programs[number];
	bool awaited;

	if (reference->program_count == 0)
		return;
	if (owner >= program->owner_count) {
		T_ERROR(excuse(ledger, number, owner + 1), BUSBAR_ERROR_NOT_FOUND);
		return;
	}
	awaited = program->owners[owner] == AWAITED;
	T_ERROR(excuse(ledger, number, owner + 1), awaited ? 0 : 1);
	if (!awaited)
		return;
	program->owners[owner] = EXCUSED;
	close_reference(reference, program);
}

static void compare(struct ledger *ledger, const struct reference *reference)
{
	struct ledger_check check = checked(ledger);
	uint64_t open = 0;
	char name[32];

	for (int i = 0; i < TENANTS; i++) {
		(void)snprintf(name, sizeof(name), "tenant:t%d", i);
		T_EQ(balance(ledger, name), reference->tenants[i]);
	}
	for (int i = 0; i < SUPPLIERS; i++) {
		(void)snprintf(name, sizeof(name), "supplier:s%d", i);
		T_EQ(balance(ledger, name), reference->suppliers[i]);
	}
	T_EQ(balance(ledger, "operator"), reference->operator);
	T_EQ(balance(ledger, "escrow"), reference->escrow);
	T_EQ(balance(ledger, "world"), reference->world);
	for (uint32_t i = 0; i < reference->program_count; i++)
		open += reference->programs[i].open;
	T_EQ(check.open_programs, open);
	T_EQ(check.escrow, reference->escrow);
	T_EQ(check.disputes, reference->disputes);
}

static void compare_charges(struct ledger *ledger, const struct reference *reference)
{
	for (uint64_t number = 0; number < 400; number++) {
		struct identifier task = number_identifier(number);
		money expected = 0, charge;

		for (uint32_t i = 0; i < reference->program_count; i++)
			if (reference->programs[i].task == number)
				expected += reference->programs[i].charged;
		T_OK(ledger_task_charge(ledger, &task, &charge));
		T_EQ(charge, expected);
	}
}

static void random_step(struct ledger *ledger, struct reference *reference, struct random *random)
{
	uint64_t draw = random_below(random, 100);

	if (draw < 8)
		random_deposit(ledger, reference, random);
	else if (draw < 35)
		random_hold(ledger, reference, random);
	else if (draw < 90)
		random_post(ledger, reference, random);
	else
		random_excuse(ledger, reference, random);
}

/* Rounds of steps: alone, in one transaction, or in one that is rolled back; now and then a new process'
 * view. */
static void test_against_reference(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, FEE);
	struct reference *reference = calloc(1, sizeof(*reference));
	struct reference *before = calloc(1, sizeof(*before));
	struct random random;

	T_TRUE(reference && before);
	random_seed(&random, 20);
	for (int round = 0; round < 250; round++) {
		uint64_t kind = random_below(&random, 8);
		int steps = kind == 0 ? 8 : 40;

		*before = *reference;
		if (kind > 0)
			T_OK(database_begin(place->database));
		for (int i = 0; i < steps; i++)
			random_step(ledger, reference, &random);
		if (kind == 1) {
			database_rollback(place->database);
			*reference = *before;
		} else if (kind > 1) {
			T_OK(database_commit(place->database));
		}
		if (round % 10 == 0)
			compare(ledger, reference);
		if (round % 50 == 25) {
			ledger_close(ledger);
			place_reopen(place);
			ledger = open_ledger(place, FEE);
		}
	}
	compare(ledger, reference);
	compare_charges(ledger, reference);
	T_TRUE(reference->program_count > 1000 && reference->disputes > 50);
	ledger_close(ledger);
	free(before);
	free(reference);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        BOTH_WAYS(test_against_reference),
	};

	/* Disputes are meant here, by the hundred. */
	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
