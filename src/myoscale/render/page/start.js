// The page of levels: which chart is where; then everything starts.

function start() {
  const plane = DATA.population.nx > 1;
  document.documentElement.classList.toggle("plane", plane);
  startTheme();
  startChoices();
  drawLegends();
  startPicture();
  addChart("motion", motion);
  addLiveChart("bridges", plane ? planePopulations : linePopulations);
  addChart("force", force);
  if (DATA.fan) addChart("fan", fan);
  for (const name of ["attached", "stiffness", "atp"]) addChart(name, cycling(name));
  addChart("distance", distance);
  addChart("energy", energy);
  addChart("balance", balance);
  addChart("residual", residual);
  if (DATA.one_way) addChart("oneway", oneWay);
  startClock();
}

start();
