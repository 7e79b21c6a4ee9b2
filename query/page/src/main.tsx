import './styles/page.css';
import { render } from 'preact';
import { followMarket } from './market/market';
import { App } from './parts/app';
import { followKeys } from './parts/keys';
import { followAddress } from './parts/route';
import { connect } from './stream/connection';

followKeys();
followAddress();
followMarket();
connect();
const page = document.getElementById('page');
if (page) render(<App />, page);
