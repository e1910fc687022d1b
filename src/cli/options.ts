/** One flag of a program; of a driver's role, the same name in a settings file. */
export type Option = (TextOption | ListOption | NumberOption | ChoiceOption | FlagOption) & {
  readonly help: string;
  /** The heading of `--help` under which it stands. */
  readonly subject?: string;
};

interface TextOption {
  readonly kind: "text";
  readonly default?: string;
  readonly required?: true;
  /** Why a value is refused, such as `expected host:port`; undefined if it is good. */
  readonly problem?: (value: string) => string | undefined;
}

interface ListOption {
  readonly kind: "list";
  readonly default?: readonly string[];
  /** All values that an item may have; any without it. */
  readonly choices?: readonly string[];
}

interface NumberOption {
  readonly kind: "number";
  readonly default?: number;
  readonly min: number;
  /** From `Number.MAX_SAFE_INTEGER` on, no limit. */
  readonly max: number;
  /** Whether a fraction is refused. */
  readonly isWhole?: true;
}

interface ChoiceOption {
  readonly kind: "choice";
  readonly default?: string;
  readonly choices: readonly string[];
}

interface FlagOption {
  readonly kind: "flag";
}

/** The flags of a program, by their names without the dashes. */
export type Options = Readonly<Record<string, Option>>;

/** The value that a flag becomes if it is given or has a default. */
type Given<O extends Option> = O extends { readonly kind: "number" }
  ? number
  : O extends { readonly kind: "choice"; readonly choices: readonly (infer C)[] }
    ? C
    : O extends { readonly kind: "list"; readonly choices: readonly (infer C)[] }
      ? readonly C[]
      : O extends { readonly kind: "list" }
        ? readonly string[]
        : string;

type ValueOf<O extends Option> = O extends { readonly kind: "flag" }
  ? boolean
  : O extends { readonly required: true } | { readonly default: unknown }
    ? Given<O>
    : Given<O> | undefined;

/** A flag's name as that of a field: `log-level` is `logLevel`. */
type FieldOf<Flag> = Flag extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<FieldOf<Rest>>}`
  : Flag & string;

/** The values with which a program runs. */
export type Values<T extends Options> = { readonly [K in keyof T as FieldOf<K>]: ValueOf<T[K]> };

/** The field that has a flag's value: `log-level` is `logLevel`. */
export function fieldOf(flag: string): string {
  return flag.replaceAll(/-([a-z0-9])/gu, (_, letter: string) => letter.toUpperCase());
}

/** The same options, under one heading of `--help`; those that have a heading keep it. */
export function grouped<const T extends Options>(subject: string, options: T): T {
  // The same names and kinds: only a heading is added.
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, { subject, ...option }]),
  ) as unknown as T;
}
