# SPDX-License-Identifier: Apache-2.0
# The front door: on a fresh Debian 12 machine, as root, `make demo` and `make check` do everything.
# The work itself is meson's (meson.build) and that of the scripts in tools/.

BUILD := build
SANITIZED := build-sanitized
FUZZING := build-fuzz

.PHONY: all build demo check fuzz bench bench-control bench-demand bench-demo bench-guarantee bench-journal format lint install clean packages check-power model

all: build

packages:
	@tools/install-packages

$(BUILD)/build.ninja: | packages
	@meson setup $(BUILD) >$(BUILD).log 2>&1 || { tail -5 $(BUILD).log; rm -rf $(BUILD); exit 1; }
	@rm -f $(BUILD).log

$(SANITIZED)/build.ninja: | packages
	@meson setup -Db_sanitize=address,undefined -Db_lundef=false $(SANITIZED) >$(SANITIZED).log 2>&1 || \
		{ tail -5 $(SANITIZED).log; rm -rf $(SANITIZED); exit 1; }
	@rm -f $(SANITIZED).log

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

demo: build
	@tools/demo $(BUILD)

check: $(BUILD)/build.ninja $(SANITIZED)/build.ninja
	@tools/check $(BUILD) $(SANITIZED)

# Two hundred losses of power; the ordinary check makes a dozen.
check-power: build
	@LAB_BUILD=$(CURDIR)/$(BUILD) python3 -B tests/lab/power_test.py 200
# The reservation protocol at its largest size; needs 8 GiB. `make check` verifies the small sizes.
model: | packages
	@tests/model/check --large

fuzz: | packages
	@tools/fuzz $(FUZZING)

bench: bench-demo bench-guarantee bench-journal bench-demand bench-control

bench-demo: build
	@bench/demo $(BUILD)

bench-control: build
	@bench/control $(BUILD)

bench-demand: build
	@bench/demand $(BUILD)

bench-guarantee: build
	@bench/guarantee $(BUILD)

bench-journal: build
	@bench/journal $(BUILD)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

lint: | packages
	@tools/lint

install: build
	@meson install -C $(BUILD)

clean:
	@rm -rf $(BUILD) $(SANITIZED) $(FUZZING) out
