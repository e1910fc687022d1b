type FlagOfV1 =
  /** It is a flag here as well, of the same meaning. */
  | { readonly kind: "same" }
  /** What has its place. */
  | { readonly kind: "renamed"; readonly here: string }
  /** What it would turn on, or set, is so in any case. */
  | { readonly kind: "always"; readonly what: string }
  /** Why there is no such thing. */
  | { readonly kind: "refused"; readonly reason: string };

const same: FlagOfV1 = { kind: "same" };
const renamed = (here: string): FlagOfV1 => ({ kind: "renamed", here });
const always = (what: string): FlagOfV1 => ({ kind: "always", what });
const refused = (reason: string): FlagOfV1 => ({ kind: "refused", reason });

const BY_RESOURCE_ID = "VMs and instances of scale sets are found by their resource ids";
const CONDITIONAL =
  "an update of a VM is conditional on its ETag, so an old copy of the VM can't be written, and needs no TTL";
const API_SERVER = "the driver reads from watches; the API server's own fairness limits its writes";

/** Of klog, the log of Kubernetes' programs. Its first, `--v`, is in V1's manifests. */
const klogFlags: Readonly<Record<string, FlagOfV1>> = {
  v: renamed("--log-level; debug for a number above 5"),
  ...Object.fromEntries(
    [
      "add_dir_header",
      "alsologtostderr",
      "legacy_stderr_threshold_behavior",
      "log_backtrace_at",
      "log_dir",
      "log_file",
      "log_file_max_size",
      "logtostderr",
      "one_output",
      "skip_headers",
      "skip_log_headers",
      "stderrthreshold",
      "vmodule",
    ].map((name) => [name, refused("the log is lines of JSON on the standard error, from --log-level on")]),
  ),
};

/**
 * Every flag of V1 (release 1.34). One that is given to this driver and does not exist here is refused with
 * what its row says.
 */
export const flagsOfV1: Readonly<Record<string, FlagOfV1>> = {
  endpoint: same,
  kubeconfig: same,
  "remove-not-ready-taint": same,
  "reserved-data-disk-slot-num": same,
  "custom-user-agent": same,
  "user-agent-suffix": same,
  version: same,
  nodeid: renamed("--node-name of role node"),
  drivername: renamed("--driver-name"),
  "metrics-address": renamed("--http-endpoint"),
  "volume-attach-limit": renamed("--max-volumes of role node"),
  "pre-stop-hook": renamed("the role pre-stop"),
  "cloud-config-secret-name": renamed(
    "--cloud-config, a file; the chart mounts the secret that its value names",
  ),
  "cloud-config-secret-namespace": renamed(
    "--cloud-config, a file; the secret is in the release's namespace",
  ),
  "enable-traffic-manager": renamed("--azure-endpoint"),
  "traffic-manager-port": renamed("--azure-endpoint"),
  "detach-operation-min-timeout-seconds": renamed("--force-detach-after-ms"),
  "vmss-detach-timeout-seconds": renamed("--force-detach-after-ms"),
  "support-zone": renamed("--zone of role node; empty: not zonal"),
  "enable-list-volumes": always("ListVolumes is always served"),
  "enable-list-snapshots": always("ListSnapshots is always served"),
  "enable-disk-online-resize": always("a volume grows in use, where Azure and its file system can"),
  "enable-disk-capacity-check": always("a disk of that name with another size is never taken"),
  "enable-perf-optimization": always("perfProfile and device-setting/* act as the class asks"),
  "enable-migration-monitor": always("the condition Converting shows the progress of each conversion"),
  "enable-minimum-retry-after": always("no call is sent before the time that Azure has asked for"),
  "check-disk-lun-collision": always(
    "a LUN is used only if neither Azure nor the node has another disk there",
  ),
  "check-disk-count-for-batching": always("no more disks are attached to a VM than its size takes"),
  "wait-for-detach": always("attaches and detaches of a VM are updates of one queue"),
  "wait-for-detach-disk-complete": always("a detach has succeeded once Azure shows it"),
  "force-detach-backoff": always("a detach that does not end is forced (--force-detach-after-ms)"),
  "vm-type": always(BY_RESOURCE_ID),
  "disable-avset-nodes": always(BY_RESOURCE_ID),
  "list-vmss-with-instance-view": always(BY_RESOURCE_ID),
  "get-nodeid-from-imds": always("the instance metadata service says which VM a node is"),
  "get-node-info-from-labels": always("labels of the Node are read where the metadata service has no answer"),
  "enable-windows-host-process": always("the Windows plug-in runs in a host-process container"),
  "use-win-cim-api": always("PowerShell's storage commands are those of CIM"),
  "never-stop-taint-removal": always("the removal of the start-up taint is retried for ever"),
  "max-concurrent-format": always("the number of formats at once is limited"),
  "concurrent-format-timeout": refused(
    "a format is never given up, since it could still write: its place is free once it has ended",
  ),
  "enable-otel-tracing": refused(
    "loops that outlive a CSI call do its work, so the span of a call would show only its wait; metrics " +
      "time each step, and each call to Azure is logged with its request id",
  ),
  "wait-for-snapshot-ready": refused(
    "no call waits for a copy in the background: csi-snapshotter asks again until readyToUse is true",
  ),
  "convert-rw-caching-mode-for-intree-pv": refused(
    "a disk has the cache that its own PersistentVolume states; one flag would change it for all of them",
  ),
  "use-csiproxy-ga-interface": refused("there is no csi-proxy: the plug-in calls PowerShell itself"),
  "vol-stats-cache-expire-in-minutes": refused(
    "statistics are read when they are asked for: old ones hide a full disk",
  ),
  "vmss-cache-ttl-seconds": refused(CONDITIONAL),
  "attach-detach-initial-delay-ms": refused(
    "attaches that arrive during an update of their VM share the next one, without a delay",
  ),
  "get-disk-timeout-seconds": refused("--wait-max-ms bounds a call with all of its reads"),
  "allow-empty-cloud-config": refused(
    "a controller that can't reach Azure says so and ends; a node plug-in needs no cloud config",
  ),
  "taint-removal-initial-delay-seconds": refused(
    "the taint goes once CSINode shows the driver and its limit: no delay is needed",
  ),
  "kube-api-qps": refused(API_SERVER),
  "kube-api-burst": refused(API_SERVER),
  "max-procs": refused("Node runs the driver's code on one thread"),
  ...klogFlags,
};

const UNTIL_ENDED = "nothing: a conversion is watched until it has ended";

/** Variables of V1's environment that this driver does not read, with what has their place. */
export const environmentOfV1: Readonly<Record<string, string>> = {
  AZURE_CREDENTIAL_FILE: "the file of --cloud-config",
  AZURE_ENVIRONMENT_FILEPATH:
    "resourceManagerEndpoint and activeDirectoryEndpoint in the file of --cloud-config; without them the " +
    "driver would call the public cloud",
  AZURE_GO_SDK_LOG_LEVEL: "--log-level",
  MIGRATION_TIMEOUTS: UNTIL_ENDED,
  MAX_MIGRATION_TIMEOUT: UNTIL_ENDED,
};

/** What a message says of a flag that only V1 has; undefined for any other. */
export function whyFlagOfV1IsUnknown(name: string): string | undefined {
  const row = Object.hasOwn(flagsOfV1, name) ? flagsOfV1[name] : undefined;
  switch (row?.kind) {
    case undefined:
    case "same":
      return undefined;
    case "renamed":
      return `V1's flag; here it is ${row.here}`;
    case "always":
      return `V1's flag; remove it: ${row.what}`;
    case "refused":
      return `V1's flag, not served: ${row.reason}`;
  }
}

/** What is wrong with an environment that was made for V1: an unread variable would be ignored silently. */
export function variablesOfV1(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(environmentOfV1).flatMap(([name, instead]) =>
    (environment[name] ?? "") === ""
      ? []
      : [`${name}: V1's variable, which is not read; instead: ${instead}`],
  );
}

/** Turns off what V1's client of WMI sets up on Windows; here PowerShell calls WMI. */
const COM_SECURITY = "WMI_COM_SECURITY";

/**
 * The variables that have no effect here, and in V1 with a refused flag or on Windows only. No reason to end:
 * injectors and hosts set them in every container.
 */
export function variablesWithoutEffect(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith("OTEL_") || name === COM_SECURITY)
    .toSorted();
}
