/** `Standard_D8s_v5`, `Standard_NC24ads_A100_v4`: letters, vCPUs, letters, accelerator and version. */
const SIZE = /^Standard_([A-Z]+)\d+(?:-\d+)?([a-z]*)(?:_([A-Z]+\d+))?(?:_(v\d+))?$/;
/** From this version on, names of families are spelled as those of their sizes. */
const SPELLED_AS_SIZES = 6;

/**
 * The family of a VM size, by which its quota of cores is named in the list of usages:
 * `standardDSv5Family`. The rule fits those that are recorded (karpenter-provider-azure,
 * `pkg/fake/zz_generated.sku.*.go`, and public lists): standardFSv2Family, standardMSFamily,
 * StandardDdsv6Family, StandardNCADSA100v4Family … Inferred: others.
 */
export function familyOf(sizeName: string): string {
  const [, series = "", features = "", accelerator = "", version = ""] = SIZE.exec(sizeName) ?? [];
  // "m" and "t" of a size say how much memory it has; sizes of one family differ in them.
  const letters = series + features.replaceAll(/[mt]/g, "");
  if (accelerator !== "") return `Standard${letters.toUpperCase()}${accelerator}${version}Family`;
  if (Number(version.slice(1)) >= SPELLED_AS_SIZES) return `Standard${letters}${version}Family`;
  // B-series v2 is spelled as its sizes, too; other letters are capitals.
  const isBurstable = series === "B" && version !== "";
  const spelled = isBurstable || features === "" ? letters : letters.toUpperCase();
  return `standard${spelled}${version}Family`;
}
