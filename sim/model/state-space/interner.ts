/** Maps each distinct whole number to a small one, in the order of arrival. */
export interface Interner {
  readonly codeOf: (value: number) => number;
  readonly valueOf: (code: number) => number;
}

/** An empty interner; more than `codesMax` values are a bug. */
export function createInterner(codesMax: number): Interner {
  const codes = new Map<number, number>();
  const values: number[] = [];
  return {
    codeOf: (value) => {
      const known = codes.get(value);
      if (known !== undefined) return known;
      if (values.length >= codesMax) throw new Error(`there are more than ${codesMax} values`);
      codes.set(value, values.length);
      return values.push(value) - 1;
    },
    valueOf: (code) => {
      const value = values[code];
      if (value === undefined) throw new Error(`${code} is the code of no value`);
      return value;
    },
  };
}
