// Times in the reader's own time zone, written as the server writes them. The page comes with UTC,
// which stays for who has no script.

const language = document.documentElement.lang;
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const exactly = { ...clock, second: "2-digit", fractionalSecondDigits: 3 };
const day = new Intl.DateTimeFormat(language, { dateStyle: "long" });
const minute = new Intl.DateTimeFormat(language, clock);
const millisecond = new Intl.DateTimeFormat(language, exactly);
const styles = {
  moment: (at) => `${day.format(at)}, ${minute.format(at)}`,
  instant: (at) => millisecond.format(at),
};

export function localize(part) {
  for (const time of part.querySelectorAll("time[data-local]")) {
    time.title = time.textContent;
    time.textContent = styles[time.dataset.local](new Date(time.dateTime));
  }
}
