/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical text of programs. The printer's context is a struct grammar_names or NULL. */
#ifndef GRAMMAR_PROGRAM_PRINTER_H
#define GRAMMAR_PROGRAM_PRINTER_H

#include "grammar/printer.h"

/* For printer_run() on a struct program. */
printer_function program_printer_text;

#endif
