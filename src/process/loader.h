// SPDX-License-Identifier: Apache-2.0
//
// The loader: a throw-away child that reads the configuration's files and yields the sealed bundle and
// the plan, or prints every diagnostic.  It ends with the load, whatever it met.
#pragma once

#include <weir/result.h>

#include "config/config.h"
#include "net/channel.h"

#include <string>

namespace weir::process {

/// Body of the loader process.  Without a path the master's first message says what to load: a directory and an opened
/// file, or by four descriptors the bundle and secrets of a past generation and of the present one.  Sends Diagnostics
/// if there are any, then Plan with the bundle's descriptor, or Failed.  Returns the exit status.
int run_loader(net::Channel channel, const std::string& path);

/// Regular expressions, routes and filters are compiled by the workers; a mistake in one must show before.
Result<void> compile(const config::Config& config);

/// `weir -t`: checks everything that can be checked without acting; prints diagnostics to stderr.
int check_configuration(const std::string& path);

/// `weir -T`: prints the effective configuration.
int print_configuration(const std::string& path);

}  // namespace weir::process
