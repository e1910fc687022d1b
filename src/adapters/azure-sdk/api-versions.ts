/** The two services of Microsoft.Compute that the driver calls: each has API versions of its own. */
export type Service = "vm" | "disk";

/** The API version of each service, such as `2024-11-01`. */
export type ApiVersions = Readonly<Record<Service, string>>;

/**
 * The oldest versions that have all that the driver uses, since sovereign and air-gapped clouds get new ones
 * late: ETag and If-Match of VMs, and the access state of snapshots with instant access.
 */
export const defaultApiVersions: ApiVersions = { vm: "2024-11-01", disk: "2025-01-02" };

/** The oldest that the driver can work with: without ETags of VMs, or owners of shared disks, it can't. */
const OLDEST: ApiVersions = { vm: "2024-03-01", disk: "2023-04-02" };

const PATHS: readonly (readonly [RegExp, Service])[] = [
  [/\/providers\/microsoft\.compute\/(disks|snapshots)(\/|$)/i, "disk"],
  [/\/providers\/microsoft\.compute\/(virtualMachines|virtualMachineScaleSets)(\/|$)/i, "vm"],
];
const REFUSALS = ["noregisteredproviderfound", "invalidapiversionparameter", "invalidresourcetype"];
const VERSION = /\b\d{4}-\d{2}-\d{2}\b(?!-)/g;

/** The service of a path; undefined: the URL names its version itself, as that of an operation does. */
export function serviceOf(path: string): Service | undefined {
  return PATHS.find(([pattern]) => pattern.test(path))?.[1];
}

/**
 * The version to use instead of one that a cloud has refused: the newest that it supports and that is no
 * newer, or else the oldest newer one. Undefined: the answer is no such refusal, or lists none that will do.
 */
export function replacementFor(
  service: Service,
  refused: string,
  { code, message }: { readonly code: string; readonly message: string },
): string | undefined {
  if (!REFUSALS.includes(code.toLowerCase())) return undefined;
  const listed = message.slice(message.search(/supported (api-)?versions/i)).match(VERSION) ?? [];
  const usable = listed
    .filter((version) => version >= OLDEST[service] && version !== refused)
    .toSorted((left, right) => left.localeCompare(right));
  return usable.findLast((version) => version < refused) ?? usable[0];
}

/** Why a text is no API version; undefined if it is one. */
export function apiVersionProblem(text: string): string | undefined {
  return /^\d{4}-\d{2}-\d{2}(-preview)?$/.test(text)
    ? undefined
    : "expected a date, such as 2024-11-01, or one with -preview";
}
