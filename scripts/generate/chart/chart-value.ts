/** One value of the chart: its type, bounds and meaning. */
export type ChartValue =
  | (About & { readonly kind: "text"; readonly pattern?: string; readonly choices?: readonly string[] })
  | (About & { readonly kind: "flag" })
  | (About & {
      readonly kind: "number";
      readonly min: number;
      readonly max: number;
      readonly isWhole: boolean;
    })
  | (About & { readonly kind: "texts" })
  /** A part of a Kubernetes object, which Kubernetes checks. */
  | (About & { readonly kind: "object" })
  | (About & { readonly kind: "objects" })
  /** Texts under names that users choose, none of which the chart has itself. */
  | (About & { readonly kind: "textsByName"; readonly own: readonly string[] })
  /** Environment variables of a container. */
  | (About & { readonly kind: "variables" })
  /** Any of several. */
  | (About & { readonly kind: "either"; readonly of: readonly ChartValue[] })
  | { readonly kind: "group"; readonly values: ChartValues }
  /** Values of one kind under names that users choose. */
  | (About & { readonly kind: "named"; readonly of: ChartValue });

interface About {
  readonly about: string;
}

/** Values by their names. */
export type ChartValues = Readonly<Record<string, ChartValue>>;

const MAX_PORT = 65_535;

/** A value that may be any text. */
export function text(about: string): ChartValue {
  return { kind: "text", about };
}

/**
 * The name of an image without its tag, or what comes before it: no URL, with which no pod would start. With
 * `@sha256` the tag is the rest of a digest.
 */
export function imageName(about: string): ChartValue {
  return { kind: "text", about, pattern: "^([0-9A-Za-z.-]+:[0-9]+(/|$))?[0-9A-Za-z._/-]*(@sha256)?$" };
}

/**
 * The tag of an image, with or without a digest after it, or the digits of a digest; empty: a default.
 * `sha256:…` alone makes no name of an image after a colon.
 */
export function imageTag(about: string): ChartValue {
  return { kind: "text", about, pattern: "^([0-9A-Za-z_][0-9A-Za-z_.-]{0,127}(@sha256:[0-9a-f]{64})?)?$" };
}

const GUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";

/** A GUID, or empty. */
export function guid(about: string): ChartValue {
  return { kind: "text", about, pattern: `^(${GUID})?$` };
}

/** A web address, or empty. */
export function webAddress(about: string): ChartValue {
  return { kind: "text", about, pattern: "^(https?://\\S+)?$" };
}

/** A tenant of Entra: its GUID or a domain of it, or empty. */
export function tenant(about: string): ChartValue {
  return { kind: "text", about, pattern: `^(${GUID}|([0-9A-Za-z-]+\\.)+[A-Za-z]{2,})?$` };
}

/** The name of a Kubernetes object. */
export function objectName(about: string): ChartValue {
  return { kind: "text", about, pattern: "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" };
}

/** The same, which the chart derives from the driver's name where it is empty. */
export function derivedName(about: string, ofDefault: string): ChartValue {
  return {
    kind: "text",
    about: `${about}; empty: \`${ofDefault}\`, and with another \`driver.name\` that is in it`,
    pattern: "^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$",
  };
}

/** One of the given words. */
export function choice(choices: readonly string[], about: string): ChartValue {
  return { kind: "text", about, choices };
}

/** True or false. */
export function flag(about: string): ChartValue {
  return { kind: "flag", about };
}

/** A whole number in bounds. */
export function whole(min: number, max: number, about: string): ChartValue {
  return { kind: "number", min, max, isWhole: true, about };
}

/** A port, or the first of several: `further` follow it. */
export function port(about: string, further = 0): ChartValue {
  return whole(1, MAX_PORT - further, about);
}

/** Values that belong together. */
export function group(values: ChartValues): ChartValue {
  return { kind: "group", values };
}

/** A part of a Kubernetes object. */
export function object(about: string): ChartValue {
  return { kind: "object", about };
}

/** A list of such parts. */
export function objects(about: string): ChartValue {
  return { kind: "objects", about };
}

/**
 * Texts under names that users choose, such as labels. A name of the chart's `own` would be in its object
 * twice, and in place of what the chart needs.
 */
export function textsByName(about: string, own: readonly string[] = []): ChartValue {
  return { kind: "textsByName", about, own };
}

/** Environment variables, whose values Kubernetes takes as texts only. */
export function variables(about: string): ChartValue {
  return { kind: "variables", about };
}

/** A list of texts. */
export function texts(about: string): ChartValue {
  return { kind: "texts", about };
}
