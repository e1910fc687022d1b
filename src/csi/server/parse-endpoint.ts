import type { FailureOf } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";

/** Where a gRPC server listens. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly address: string };

/** The kernel's limit on a socket's path (sun_path), without its final zero. */
const SOCKET_PATH_MAX_BYTES = 107;

/** Reads an endpoint: `unix:///run/csi.sock`, `unix:run/csi.sock`, `tcp://127.0.0.1:10000`. */
export function parseEndpoint(endpoint: string): Result<Endpoint, FailureOf<"InvalidArgument">> {
  const [, scheme, rest = ""] = /^(unix|tcp):(?:\/\/)?(.+)$/u.exec(endpoint) ?? [];
  if (scheme === "tcp") {
    return /:\d+$/u.test(rest)
      ? ok({ kind: "tcp", address: rest })
      : fail(invalid(endpoint, "a tcp endpoint has the form tcp://<host>:<port>"));
  }
  if (scheme !== "unix")
    return fail(invalid(endpoint, "must have the form unix://<path> or tcp://<host>:<port>"));
  const length = Buffer.byteLength(rest);
  if (length > SOCKET_PATH_MAX_BYTES)
    return fail(
      invalid(
        endpoint,
        `a socket's path has at most ${SOCKET_PATH_MAX_BYTES} bytes, this one ${length}; use a shorter directory`,
      ),
    );
  return ok({ kind: "unix", path: rest });
}

function invalid(value: string, problem: string): FailureOf<"InvalidArgument"> {
  return { kind: "InvalidArgument", field: "endpoint", value, problem };
}
