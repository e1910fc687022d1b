import { systemClock } from "../../adapters/system/system-clock.ts";
import { regionName } from "../../core/azure/topology.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { ArmApi, ArmError, ArmOperation, ArmVm } from "../../provisioner/arm/arm-api.ts";
import { isTerminal } from "../../provisioner/arm/provisioning-state.ts";
import type { DefaultDiskPlace } from "../../provisioner/disk/disks.ts";
import { resolveInstance } from "../../provisioner/vm/instance/resolve-instance.ts";
import type { VmTarget } from "../../provisioner/vm/vm-update.ts";
import { type Finding, missing, present, unknown } from "./finding.ts";
import { roleCommands } from "./role-commands.ts";

/** No VM has this ETag: a service that reads the condition refuses the write. */
const WRONG_ETAG = '"preflight"';
/** No disk, snapshot, VM or scale set has this name: what is asked of it changes nothing. */
const NO_NAME = "azuredisk-csi-preflight-00000000-0000-0000-0000-000000000000";
const NO_OPERATION = "00000000-0000-0000-0000-000000000000";
/** Between two polls of an operation whose answer names no time, in milliseconds. */
const POLL_MS = 5_000;

export interface AzureChecks {
  readonly arm: ArmApi;
  readonly place: DefaultDiskPlace;
  /** Azure Resource Manager's address, to poll a nonexistent operation. */
  readonly endpoint: string;
  /** The resource id of this VM; undefined: it could not be found out. */
  readonly instanceUri: string | undefined;
  /** For the command that assigns the role. */
  readonly clientId: string | undefined;
  /** Whether the driver is to power off VMs (`--silent-nodes power-off`). Default: no. */
  readonly powersOff?: boolean;
}

/**
 * Reads and refused writes that show what the driver may do in Azure. Nothing is changed, unless the service
 * ignores `If-Match`: it then runs an update of this VM that names no change, and its end is waited for.
 */
export async function checkAzure(checks: AzureChecks, signal: AbortSignal): Promise<readonly Finding[]> {
  const { arm, place } = checks;
  const group = { ...place, clientRequestId: "" };
  const listed = await arm.listDisks(group, signal);
  const signedIn = signInFinding(listed.result.ok ? undefined : listed.result.failure);
  if (signedIn.verdict === "missing") return [signedIn];
  const refused = failureOf(listed);
  if (refused !== undefined && MISSING_PLACE.test(refused.code))
    return [signedIn, permission(checks, "may read disks", refused)];
  const none = { ...group, name: NO_NAME };
  const noDisk = `/subscriptions/${place.subscriptionId}/resourceGroups/${place.resourceGroup}/providers/Microsoft.Compute/disks/${NO_NAME}`;
  const snapshot = {
    location: place.location,
    tags: {},
    sourceId: noDisk,
    createOption: "Copy",
    incremental: true,
  } as const;
  const operationsUrl = `${checks.endpoint}/subscriptions/${place.subscriptionId}/providers/Microsoft.Compute/locations/${place.location}`;
  // Without a version: it gets the one that the calls before it have settled on.
  const operation = (path: string, kind: "vm" | "disk") =>
    arm.pollOperation(
      {
        operation: {
          pollUrl: `${operationsUrl}/${path}/${NO_OPERATION}`,
          kind,
          retryAfterMs: undefined,
        },
        clientRequestId: "",
      },
      signal,
    );
  const calls: readonly (readonly [check: string, call: () => Promise<Answer>, expected?: Expected])[] = [
    ["may read disks", () => Promise.resolve(listed)],
    ["may write disks", () => arm.startDiskUpdate({ ...none, change: { tags: {} } }, signal), isNotThere],
    ["may delete disks", () => arm.startDiskDelete(none, signal), isNotThere],
    ["may read snapshots", () => arm.listSnapshots(group, signal)],
    ["may write snapshots", () => arm.startSnapshotCreate({ ...none, snapshot }, signal), isNoSource],
    ["may delete snapshots", () => arm.startSnapshotDelete(none, signal), isNotThere],
    ["may poll operations of VMs", () => operation("operations", "vm"), isNotThere],
    ["may poll operations of disks", () => operation("DiskOperations", "disk"), isNotThere],
  ];
  const findings: Finding[] = [signedIn];
  for (const [check, call, expected] of calls)
    findings.push(permission(checks, check, failureOf(await call()), expected));
  return [...findings, ...(await checkVm(checks, signal))];
}

interface Answer<T = unknown> {
  readonly result: Result<T, ArmError>;
}

/** Whether a refusal shows that the call was allowed. */
type Expected = (failure: ArmError) => boolean;

function isNotThere({ statusCode, code }: ArmError): boolean {
  return statusCode === 404 && /^(?:Patch)?(?:Resource)?NotFound$/iu.test(code);
}

function isNoSource(failure: ArmError): boolean {
  return isNotThere(failure) || (failure.statusCode === 400 && /^InvalidParameter$/iu.test(failure.code));
}

function failureOf({ result }: Answer): ArmError | undefined {
  return result.ok ? undefined : result.failure;
}

/** The VM that this runs on: how the driver writes to it, and where it is. */
async function checkVm(checks: AzureChecks, signal: AbortSignal): Promise<readonly Finding[]> {
  const { arm, place, instanceUri } = checks;
  if (instanceUri === undefined)
    return [
      unknown(
        "own VM",
        "neither --vm-resource-id nor the instance metadata service says which VM this is: " +
          "allow pods on the host's network to reach 169.254.169.254, or give --vm-resource-id",
      ),
    ];
  const vm = resolveInstance(place, { nodeName: "this node", instanceUri });
  if (!vm.ok)
    return [
      missing(
        "own VM",
        describeFailure(vm.failure),
        "set azure.subscriptionID, or subscriptionId in azure.json, to the subscription of the cluster's VMs",
      ),
    ];
  const read = await arm.getVm({ ...vm.value, instanceView: false, clientRequestId: "" }, signal);
  if (!read.result.ok) return [ownVmFinding(checks, read.result.failure)];
  const sizes = await arm.listVmSizes({ location: place.location, clientRequestId: "" }, signal);
  const write = (): Promise<Answer<ArmOperation>> =>
    arm.startVmUpdate({ ...vm.value, change: {}, ifMatch: WRONG_ETAG, clientRequestId: "" }, signal);
  const isAtRest = async (): Promise<boolean> => {
    const { result } = await arm.getVm({ ...vm.value, instanceView: false, clientRequestId: "" }, signal);
    return result.ok && isTerminal(result.value.provisioningState);
  };
  return [
    present("may read its VM", instanceUri),
    ...(checks.powersOff === true ? [await powerOffFinding(checks, vm.value, signal)] : []),
    read.result.value.etag === ""
      ? withoutEtag
      : await conditionalWrite(checks, { ...(await write()), isAtRest }, signal),
    regionFinding(place, read.result.value),
    ...edgeZoneFindings(place, read.result.value),
    sizes.result.ok
      ? vmSizeFinding(
          sizes.result.value.map(({ name }) => name),
          read.result.value,
        )
      : permission(checks, "may read VM sizes", sizes.result.failure),
  ];
}

/** Asked of a VM that is not there, in the place of this one. */
async function powerOffFinding(
  checks: AzureChecks,
  { scaleSet, ...vm }: VmTarget,
  signal: AbortSignal,
): Promise<Finding> {
  const none = {
    ...vm,
    name: NO_NAME,
    ...(scaleSet === undefined ? {} : { scaleSet: { ...scaleSet, name: NO_NAME } }),
  };
  const answer = await checks.arm.startVmPowerOff({ ...none, clientRequestId: "" }, signal);
  return permission(checks, "may power off VMs", failureOf(answer), isNotThere);
}

function signInFinding(failure: ArmError | undefined): Finding {
  const check = "sign-in";
  if (failure === undefined || failure.statusCode === 403 || failure.statusCode === 404)
    return present(check, "Azure accepts the token");
  if (failure.statusCode === 401 || SIGN_IN_CODES.test(failure.code))
    return missing(
      check,
      `${failure.code}: ${firstLine(failure.message)}`,
      "az identity federated-credential create … --subject system:serviceaccount:<namespace>:<account>, " +
        "or az ad app credential reset --id <client id> and the new secret in azure.json (docs/install.md)",
    );
  if (/ApiVersion|NoRegisteredProviderFound/iu.test(failure.code))
    return missing(
      "API versions",
      firstLine(failure.message),
      "give --azure-vm-api-version and --azure-disk-api-version one that the message lists",
    );
  return failure.statusCode === 0
    ? missing(
        check,
        `no answer: ${firstLine(failure.message)}`,
        "let the pod reach Azure Resource Manager and the sign-in endpoint, or set driver.httpsProxy",
      )
    : unknown(check, `${failure.code}: ${firstLine(failure.message)}`);
}

const SIGN_IN_CODES = /Authentication|Credential/iu;

/** A refusal of access is what is looked for; a refusal that is not expected shows nothing. */
function permission(
  checks: AzureChecks,
  check: string,
  failure: ArmError | undefined,
  expected: Expected = () => false,
): Finding {
  if (failure === undefined) return present(check, "allowed");
  if (failure.statusCode === 403)
    return missing(check, firstLine(failure.message), roleCommands(checks, failure));
  const remedy = remedyOf(checks, failure);
  if (remedy !== undefined) return missing(check, firstLine(failure.message), remedy);
  return expected(failure)
    ? present(check, "allowed")
    : unknown(check, `${failure.code}: ${firstLine(failure.message)}`);
}

/** The command against a refusal that all calls of a place share. */
function remedyOf({ place }: AzureChecks, { code }: ArmError): string | undefined {
  const subscription = `--subscription ${place.subscriptionId}`;
  switch (code.toLowerCase()) {
    case "resourcegroupnotfound":
      return (
        `az group list ${subscription} --output table, and the right one in azure.resourceGroup, ` +
        "or resourceGroup in azure.json"
      );
    case "subscriptionnotfound":
      return (
        "az account list --output table, and the right one in azure.subscriptionID, " +
        "or subscriptionId in azure.json"
      );
    case "scopelocked":
      return (
        `az lock list ${subscription} --resource-group ${place.resourceGroup} --output table, ` +
        "and az lock delete --ids <its id>"
      );
    case "missingsubscriptionregistration":
      return `az provider register ${subscription} --namespace Microsoft.Compute`;
    default:
      return undefined;
  }
}

const MISSING_PLACE = /^(?:ResourceGroup|Subscription)NotFound$/iu;

function ownVmFinding(checks: AzureChecks, failure: ArmError): Finding {
  const check = "may read its VM";
  return isNotThere(failure)
    ? missing(
        check,
        firstLine(failure.message),
        "az vm list --output table, and the right --vm-resource-id, or subscription in azure.json",
      )
    : permission(checks, check, failure);
}

const CONDITIONAL = "VM writes are conditional";
const NEWER_VERSION = "give --azure-vm-api-version 2024-11-01 or later";

/** Nothing is written: without an ETag the service would not read the condition either. */
const withoutEtag = missing(
  CONDITIONAL,
  "the read of the VM has no ETag: another client's change would be overwritten",
  NEWER_VERSION,
);

async function conditionalWrite(
  checks: AzureChecks,
  { result, isAtRest }: Answer<ArmOperation> & { readonly isAtRest: () => Promise<boolean> },
  signal: AbortSignal,
): Promise<Finding> {
  if (result.ok) {
    const hasEnded = await untilEnded(checks.arm, { started: result.value, isAtRest }, signal);
    return missing(
      CONDITIONAL,
      "a write of the VM with a wrong If-Match was accepted: another client's change would be overwritten" +
        (hasEnded ? "" : "; the update of the VM, which names no change, may still run"),
      `${NEWER_VERSION}; remove a proxy that drops the header If-Match`,
    );
  }
  const { failure } = result;
  if (failure.statusCode === 412) return present(CONDITIONAL, "a wrong If-Match is refused");
  const refusal = permission(checks, "may write its VM", failure);
  return refusal.verdict === "missing"
    ? refusal
    : unknown(CONDITIONAL, `${failure.code}: ${firstLine(failure.message)}; run it again`);
}

/** Waits for the end of an update; false: it was not seen before the checks' time was over. */
async function untilEnded(
  arm: ArmApi,
  { started, isAtRest }: { readonly started: ArmOperation; readonly isAtRest: () => Promise<boolean> },
  signal: AbortSignal,
): Promise<boolean> {
  let operation = started;
  while (operation.pollUrl !== undefined || operation.isUntold === true) {
    await systemClock.sleep(operation.retryAfterMs ?? POLL_MS, signal).catch(() => {});
    if (signal.aborted) return false;
    if (operation.pollUrl === undefined) {
      if (await isAtRest()) return true;
      continue;
    }
    const { result } = await arm.pollOperation({ operation, clientRequestId: "" }, signal);
    if (!result.ok) {
      if (result.failure.statusCode === 0 || result.failure.statusCode >= 429) continue;
      return false;
    }
    if (result.value.state !== "running") return true;
    operation = result.value.operation;
  }
  return true;
}

function regionFinding({ location }: DefaultDiskPlace, vm: ArmVm): Finding {
  const ofVm = regionName(vm.location);
  return ofVm === location
    ? present("region", location)
    : missing(
        "region",
        `disks are created in ${location}, and this VM is in ${ofVm}: they can't be attached to it`,
        `helm upgrade … --set azure.location=${ofVm}, or location in azure.json`,
      );
}

/** Nothing is found where neither has an edge zone. */
function edgeZoneFindings({ edgeZone: own = "" }: DefaultDiskPlace, vm: ArmVm): readonly Finding[] {
  const ofVm = vm.edgeZone ?? "";
  const check = "edge zone";
  if (own.toLowerCase() === ofVm.toLowerCase()) return own === "" ? [] : [present(check, own)];
  const named = (edgeZone: string): string => (edgeZone === "" ? "no edge zone" : `edge zone ${edgeZone}`);
  return [
    missing(
      check,
      `disks are created in ${named(own)}, and this VM is in ${named(ofVm)}: they can't be attached to it`,
      ofVm === ""
        ? "remove extendedLocationName and extendedLocationType from azure.json"
        : `extendedLocationName "${ofVm}" and extendedLocationType "EdgeZone" in azure.json`,
    ),
  ];
}

function vmSizeFinding(names: readonly string[], { vmSize }: ArmVm): Finding {
  return names.some((name) => name.toLowerCase() === vmSize.toLowerCase())
    ? present("VM size", `${vmSize} is offered, with its number of data disks`)
    : unknown(
        "VM size",
        `${vmSize} is not among the sizes offered: the driver guesses its number of data disks`,
      );
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? "";
}
