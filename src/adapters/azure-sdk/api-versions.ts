/** The services of Microsoft.Compute that the driver calls: each has API versions of its own. */
export type Service = "vm" | "disk" | "sku";

/** The API version of each service, such as `2024-11-01`. */
export type ApiVersions = Readonly<Record<Service, string>>;

/**
 * The oldest versions that have all that the driver uses, since sovereign and air-gapped clouds get new ones
 * late: ETag and If-Match of VMs, and the access state of snapshots with instant access.
 */
export const defaultApiVersions: ApiVersions = { vm: "2024-11-01", disk: "2025-01-02", sku: "2021-07-01" };

/**
 * The oldest that the driver can work with: without ETags of VMs, owners of shared disks, or the SKUs of one
 * region, it can't.
 */
const OLDEST: ApiVersions = { vm: "2024-03-01", disk: "2023-04-02", sku: "2019-04-01" };

const PATHS: readonly (readonly [RegExp, Service])[] = [
  [/\/providers\/microsoft\.compute\/(disks|snapshots)(\/|$)/i, "disk"],
  [/\/providers\/microsoft\.compute\/(virtualMachines|virtualMachineScaleSets)(\/|$)/i, "vm"],
  [/\/providers\/microsoft\.compute\/skus$/i, "sku"],
  [/\/providers\/microsoft\.compute\/locations\/[^/]+\/DiskOperations\//i, "disk"],
  [/\/providers\/microsoft\.compute\/locations\/[^/]+\/operations\//i, "vm"],
];
const OPERATION = /\/providers\/microsoft\.compute\/locations\//i;
const REFUSALS = ["noregisteredproviderfound", "invalidapiversionparameter", "invalidresourcetype"];
const VERSION = /\b\d{4}-\d{2}-\d{2}\b(?!-)/g;

/**
 * The service whose API version a URL needs. Undefined: it is of none, or of an operation and has its version
 * from Azure itself.
 */
export function serviceOf({ pathname, searchParams }: URL): Service | undefined {
  if (OPERATION.test(pathname) && searchParams.has("api-version")) return undefined;
  return PATHS.find(([pattern]) => pattern.test(pathname))?.[1];
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
