/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes: one table for the daemon, the command and the library.
 *
 * Functions return 0 (or a positive value) on success and a negative code on failure: either -errno, or
 * one of the codes below, which start at -2001 so that the two ranges never meet. Codes travel on the
 * wire and in JSON; a code, once released, keeps its number and its meaning.
 */
#ifndef BUSBAR_ERROR_H
#define BUSBAR_ERROR_H

#define BUSBAR_ERROR_TABLE(X)                                           \
	X(MALFORMED, -2001, "malformed message")                        \
	X(TRUNCATED, -2002, "message ends too early")                   \
	X(TOO_LARGE, -2003, "message or demand too large")              \
	X(VERSION, -2004, "protocol version not supported")             \
	X(UNKNOWN_TENANT, -2005, "unknown tenant")                      \
	X(BAD_MAC, -2006, "message authentication failed")              \
	X(BAD_PROGRAM_MAC, -2007, "program authentication failed")      \
	X(REPLAYED, -2008, "identifier was used before")                \
	X(EXPIRED, -2009, "demand or program has expired")              \
	X(UNKNOWN_SERVICE, -2010, "unknown service")                    \
	X(AMOUNT_ZERO, -2011, "amount is zero")                         \
	X(AMOUNT_NEGATIVE, -2012, "amount is negative")                 \
	X(AMOUNT_OVERFLOW, -2013, "amount is too large")                \
	X(UNKNOWN_UNIT, -2014, "unknown unit")                          \
	X(BUDGET, -2015, "budget is too small")                         \
	X(NOT_SUPPORTED, -2016, "not supported yet")                    \
	X(INFEASIBLE, -2017, "no site and path satisfy the demand")     \
	X(REFUSED, -2018, "refused by the owner")                       \
	X(NO_CAPACITY, -2019, "not enough free capacity")               \
	X(PRICE_ROSE, -2020, "price rose above the quote")              \
	X(NO_ANSWER, -2021, "no answer from the gateway")               \
	X(CANCELLED, -2022, "cancelled")                                \
	X(TABLE_FULL, -2023, "table is full")                           \
	X(NOT_FOUND, -2024, "not found")                                \
	X(STATE, -2025, "not possible in the present state")            \
	X(SYNTAX, -2026, "syntax error")                                \
	X(UNKNOWN_FIELD, -2027, "unknown field")                        \
	X(BAD_VALUE, -2028, "bad value")                                \
	X(MISSING_FIELD, -2029, "field is missing")                     \
	X(EXECUTION, -2030, "the program run failed")                   \
	X(TIME_LIMIT, -2031, "time limit reached")                      \
	X(MEMORY_LIMIT, -2032, "memory limit reached")                  \
	X(OUTPUT_LIMIT, -2033, "output limit reached")                  \
	X(UNKNOWN_KEY, -2034, "unknown key identifier")                 \
	X(UNSEALED, -2035, "sealed part cannot be opened")              \
	X(STALE, -2036, "older than what is known")                     \
	X(DATABASE, -2037, "database error")                            \
	X(LEDGER, -2038, "ledger does not balance")                     \
	X(LOST, -2039, "the gateway lost the task")                     \
	X(NO_FUNDS, -2040, "account has not enough money")              \
	X(DUPLICATE, -2041, "exists already")                           \
	X(UNKNOWN_KIND, -2042, "unknown resource kind")                 \
	X(PEER, -2043, "the other side closed the connection")          \
	X(DIGEST, -2044, "content does not match its digest")           \
	X(CEILING, -2045, "delay ceiling would be broken")              \
	X(BAD_SEGMENT_MAC, -2046, "segment list authentication failed") \
	X(RATE, -2047, "too many messages")

enum busbar_error {
#define BUSBAR_ERROR_ENUMERATOR(name, code, text) BUSBAR_ERROR_##name = (code),
	BUSBAR_ERROR_TABLE(BUSBAR_ERROR_ENUMERATOR)
#undef BUSBAR_ERROR_ENUMERATOR
};

#endif
