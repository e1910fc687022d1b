import type { FailureOf } from "../../../core/failure/failure.ts";

/**
 * A part of a credential: as it is, or in a file that is read again and again, since such files are renewed
 * in place.
 */
export type Material =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** Which API server, and under which identity. */
export interface ApiServerConfig {
  /** The source of this configuration, for sentences. */
  readonly origin: string;
  /** `https://<host>:<port>`, perhaps with a path before the API's own. */
  readonly url: URL;
  /** The name in the server's certificate; undefined: the host in the URL. */
  readonly serverName: string | undefined;
  /** Who signed the server's certificate, in PEM; undefined: a well-known authority. */
  readonly ca: Material | undefined;
  readonly clientCertificate: { readonly certificate: Material; readonly key: Material } | undefined;
  readonly token: Material | undefined;
}

export type ConfigFailure = FailureOf<"InvalidArgument">;
