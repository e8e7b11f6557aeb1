/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical texts of demands, as functions for printer_run() on a struct demand. */
#ifndef GRAMMAR_DEMAND_PRINTER_H
#define GRAMMAR_DEMAND_PRINTER_H

#include "grammar/printer.h"

printer_function demand_printer_text;
printer_function demand_printer_yaml;

#endif
