/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of the accounts hold beside numbers and text. */
#ifndef METER_ROW_H
#define METER_ROW_H

#include "base/compiler.h"
#include "base/database.h"
#include "model/identifier.h"
#include "model/receipt.h"
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of the present row. DATABASE when what is there cannot be what was written. */
int row_identifier(sqlite3_stmt *statement, int column, struct identifier *ret_identifier) CHECKED;
struct gateway_identity row_gateway(sqlite3_stmt *statement, int column); /* two columns: site, gateway */
int row_receipt(sqlite3_stmt *statement, int column, struct receipt *ret_receipt) CHECKED;

#endif
