// Times as people read them.

/** The time of day. A page may name a language that is none, such as `en_US`: then it is the browser's. */
export function timeOf(at: number, lang: string): string {
  return new Intl.DateTimeFormat(localeIn(lang), { hour: "numeric", minute: "2-digit" }).format(at);
}

function localeIn(lang: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(lang)[0];
  } catch {
    return undefined;
  }
}
