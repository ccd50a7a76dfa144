// Times in the reader's own time zone. The page comes with UTC, which stays for who has no script.

const wanted = document.documentElement.lang;
const locale = navigator.languages.find((language) => language.split("-")[0] === wanted) ?? wanted;
const styles = {
  moment: new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" }),
  instant: new Intl.DateTimeFormat(locale, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short",
  }),
};

export function localize(part) {
  for (const time of part.querySelectorAll("time[data-local]")) {
    time.title = time.textContent;
    time.textContent = styles[time.dataset.local].format(new Date(time.dateTime));
  }
}
