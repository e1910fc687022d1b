import type { FailureOf } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { formatAddress, parseListenAddress } from "../../core/primitives/listen-address.ts";

type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly address: string };

/** The kernel's limit on a socket's path (sun_path), without its final zero. */
const SOCKET_PATH_MAX_BYTES = 107;

/** IPv6's, which takes connections over IPv4 as well. */
const EVERY_ADDRESS = "::";

/**
 * Reads an endpoint: `unix:///run/csi.sock`, `unix:run/csi.sock`, `tcp://127.0.0.1:10000`,
 * `tcp://[::1]:10000`, or `tcp://:10000` for every address of the machine.
 */
export function parseEndpoint(endpoint: string): Result<Endpoint, FailureOf<"InvalidArgument">> {
  const [, scheme, rest = ""] = /^(unix|tcp):(?:\/\/)?(.+)$/u.exec(endpoint) ?? [];
  if (scheme === "tcp") {
    const address = parseListenAddress(rest);
    return address === undefined
      ? refuseArgument(
          "endpoint",
          endpoint,
          "expected tcp://<host>:<port>, tcp://:<port> or tcp://[<IPv6 address>]:<port>",
        )
      : ok({ kind: "tcp", address: formatAddress(address.host ?? EVERY_ADDRESS, address.port) });
  }
  if (scheme !== "unix")
    return refuseArgument("endpoint", endpoint, "expected unix://<path> or tcp://<host>:<port>");
  const length = Buffer.byteLength(rest);
  if (length > SOCKET_PATH_MAX_BYTES)
    return refuseArgument(
      "endpoint",
      endpoint,
      `a socket's path has at most ${SOCKET_PATH_MAX_BYTES} bytes, this one ${length}; use a shorter ` +
        "directory",
    );
  return ok({ kind: "unix", path: rest });
}

/** Why an endpoint is refused; undefined if it is good. */
export function endpointProblem(endpoint: string): string | undefined {
  const parsed = parseEndpoint(endpoint);
  return parsed.ok ? undefined : parsed.failure.problem;
}
